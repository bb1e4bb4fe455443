/**
 * The wire contract of the live preview; twin of nbpipe/notebook/preview.py.
 *
 * Owns: every trait name (no other file spells one), the types of its messages, and what becomes of both as typed
 * values. Nothing here throws on bad input. Must not know: what any of it looks like.
 */
import type { ViewEvent } from "./events.ts";
import {
  amount,
  type Bytes,
  bytesOf,
  count,
  isCount,
  isNumber,
  isObject,
  isSide,
  oneOf,
  posterMark,
  size,
  text,
} from "./guards.ts";
import { isState, type Recording, type RecordingRequest, readRecording } from "./model.ts";
import { type Parameter, readParameters, type Value } from "./parameters.ts";
import { type CommonMessage, type Model, type Moment, momentOf, post, readCommon, waited } from "./wire.ts";

/** The traits that this front end reads, in the order of preview.py. */
export const TRAITS = [
  "playing",
  "time",
  "speed",
  "loop",
  "duration",
  "size",
  "fps",
  "frame",
  "shown_fps",
  "renderer",
  "error",
  "taking",
  "_name",
  "_software",
  "_parameters",
  "_recording",
  "_take",
  "_stream",
  "_poster_mark",
] as const;
type Trait = (typeof TRAITS)[number];

const STREAMS = ["jpeg", "h264", ""] as const;
export type Stream = (typeof STREAMS)[number];

/** What was recorded of a person's moves. */
export interface Take {
  duration: number;
  entries: number;
}

/** All traits at one moment. */
export interface Preview {
  playing: boolean;
  time: number;
  speed: number;
  loop: boolean;
  duration: number;
  size: readonly [number, number];
  /** Wanted. */
  fps: number;
  /** The number of the frame at `time`. */
  frame: number;
  shownFps: number;
  renderer: string;
  error: string;
  taking: boolean;
  software: boolean;
  name: string;
  parameters: readonly Parameter[];
  record: Recording | null;
  take: Take | null;
  stream: Stream;
  /** Safe inside a CSS string, or empty. */
  posterMark: string;
}

export function readPreview(model: Model): Preview {
  const get = (trait: Trait) => model.get(trait);
  return {
    playing: get("playing") === true,
    time: amount(get("time")),
    speed: speed(get("speed")),
    loop: get("loop") === true,
    duration: amount(get("duration")) || 1,
    size: size(get("size")),
    fps: amount(get("fps")),
    frame: count(get("frame")),
    shownFps: amount(get("shown_fps")),
    renderer: text(get("renderer")),
    error: text(get("error")),
    taking: get("taking") === true,
    software: get("_software") === true,
    name: text(get("_name")),
    parameters: readParameters(get("_parameters")),
    record: record(get("_recording")),
    take: take(get("_take")),
    stream: oneOf(STREAMS, get("_stream"), ""),
    posterMark: posterMark(get("_poster_mark")),
  };
}

/** What a person may set directly. */
export type Setting =
  | { name: "playing"; value: boolean }
  | { name: "loop"; value: boolean }
  | { name: "time"; value: number }
  | { name: "speed"; value: number }
  | { name: "size"; value: readonly [number, number] };

/** Browser → kernel. `client` is this page's name for itself. */
export type Outgoing =
  | { type: "hello"; client: string; codecs: readonly string[] }
  | { type: "look"; client: string; visible: boolean }
  /** Of the newest picture shown `age` milliseconds ago; `shown`: how many were since the last ack. */
  | { type: "ack"; client: string; index: number; age: number; shown: number }
  | { type: "lost"; client: string; index: number }
  | ({ type: "set" } & Setting)
  | { type: "step"; by: number }
  | { type: "param"; name: string; value: Value }
  | { type: "events"; events: readonly ViewEvent[] }
  | { type: "take"; on: boolean }
  /** Of the take that was recorded last. */
  | { type: "drop" }
  | { type: "record" }
  | RecordingRequest;

export const send: (model: Model, message: Outgoing) => void = post;

/** Some pictures of an H.264 stream, in order. */
export interface PacketsMessage {
  type: "packets";
  /** An answer is wanted when the last of them is done. */
  asks: boolean;
  /** How long the kernel had known, in milliseconds, that somebody waits for the last of them; null if nobody does. */
  awaited: number | null;
  packets: readonly Packet[];
}

/** One access unit of an H.264 stream. */
export interface Packet {
  index: number;
  data: Bytes;
  /** Null if it needs the packets before it. */
  key: Key | null;
  moment: Moment | null;
}

/** What a decoder must know before the first packet. */
export interface Key {
  codec: string;
  width: number;
  height: number;
  /** avcC. */
  description: Bytes;
}

/** Kernel → browser. */
export type Incoming = CommonMessage | PacketsMessage;

/** Null for anything that is not exactly one of ours. */
export function readMessage(content: unknown, buffers: unknown): Incoming | null {
  return readPackets(content, buffers) ?? readCommon(content, buffers);
}

/** The kernel sends three at most. */
const MOST_PACKETS = 16;
type PacketsField = "type" | "pictures" | "key" | "asks" | "awaited";

function readPackets(content: unknown, buffers: unknown): PacketsMessage | null {
  if (!isObject<PacketsField>(content) || content.type !== "packets") return null;
  const { pictures, key, asks, awaited } = content;
  if (!Array.isArray(pictures) || pictures.length === 0 || pictures.length > MOST_PACKETS) return null;
  const keyed = key !== undefined;
  if (keyed && pictures.length !== 1) return null;
  const parts = bytesOf(buffers, pictures.length + (keyed ? 1 : 0));
  if (!parts) return null;
  const setup = keyed ? readKey(key, parts.pop()) : null;
  if (keyed && !setup) return null;
  const packets = parts.map((data, place) => readPacket(pictures[place], data, setup));
  return packets.every((packet) => packet !== null)
    ? { type: "packets", asks: asks === true, awaited: waited(awaited), packets }
    : null;
}

function readPacket(picture: unknown, data: Bytes, key: Key | null): Packet | null {
  const [index, time, frame] = Array.isArray(picture) ? (picture as unknown[]) : [];
  return isCount(index) ? { index, data, key, moment: momentOf({ time, frame }) } : null;
}

function readKey(value: unknown, description: Bytes | undefined): Key | null {
  if (!isObject<keyof Key>(value) || !description) return null;
  const { codec, width, height } = value;
  if (typeof codec !== "string" || !/^avc1\.[0-9A-Fa-f]{6}$/.test(codec)) return null;
  return isSide(width) && isSide(height) ? { codec, width, height, description } : null;
}

const speed = (value: unknown) => (isNumber(value) ? value : 1);

/** There is none yet: null, or an empty snapshot. */
function record(value: unknown): Recording | null {
  return isObject<string>(value) && isState(value.state) ? readRecording((trait) => value[trait]) : null;
}

function take(value: unknown): Take | null {
  if (!isObject<keyof Take>(value) || !isNumber(value.duration)) return null;
  return { duration: amount(value.duration), entries: count(value.entries) };
}
