/**
 * The wire contract of a recording; twin of nbpipe/notebook/widget.py.
 *
 * Owns: every trait name (no other file spells one), the types of its messages, and what becomes of both as typed
 * values. Nothing here throws on bad input. Must not know: what any of it looks like.
 */
import { amount, count, isCount, isObject, oneOf, posterMark, size, text } from "./guards.ts";
import { type Model, post } from "./wire.ts";

const STATES = ["pending", "recording", "paused", "finishing", "done", "stopped", "failed"] as const;
export type State = (typeof STATES)[number];

/** The traits that this front end reads, in the order of widget.py. */
export const TRAITS = [
  "state",
  "frame",
  "frames",
  "frames_written",
  "queued",
  "synced",
  "progress",
  "fps",
  "eta",
  "elapsed",
  "bytes",
  "renderer",
  "encoder",
  "bottleneck",
  "error",
  "_name",
  "_size",
  "_rate",
  "_software",
  "_note",
  "_video",
  "_poster_mark",
] as const;
type Trait = (typeof TRAITS)[number];

/** The finished file, as the kernel offers it. */
export interface Video {
  bytes: number;
  mime: string;
  playable: boolean;
}

/** All traits at one moment. */
export interface Recording {
  state: State;
  frame: number;
  /** Null: recorded until somebody stops it. */
  frames: number | null;
  framesWritten: number;
  queued: number;
  synced: boolean;
  progress: number;
  fps: number;
  eta: number | null;
  elapsed: number;
  bytes: number;
  renderer: string;
  encoder: string;
  bottleneck: string;
  error: string;
  name: string;
  size: readonly [number, number];
  rate: string;
  software: boolean;
  note: string;
  video: Video | null;
  /** Safe inside a CSS string, or empty. */
  posterMark: string;
}

export const isState = (value: unknown): value is State => STATES.some((known) => known === value);

/** `get`: from a model's traits, or from a snapshot of them. */
export function readRecording(get: (trait: Trait) => unknown): Recording {
  return {
    state: oneOf(STATES, get("state"), "pending"),
    frame: count(get("frame")),
    frames: get("frames") == null ? null : count(get("frames")),
    framesWritten: count(get("frames_written")),
    queued: count(get("queued")),
    synced: get("synced") === true,
    progress: Math.min(amount(get("progress")), 1),
    fps: amount(get("fps")),
    eta: get("eta") == null ? null : amount(get("eta")),
    elapsed: amount(get("elapsed")),
    bytes: count(get("bytes")),
    renderer: text(get("renderer")),
    encoder: text(get("encoder")),
    bottleneck: text(get("bottleneck")),
    error: text(get("error")),
    name: text(get("_name")),
    size: size(get("_size")),
    rate: text(get("_rate")),
    software: get("_software") === true,
    note: text(get("_note")),
    video: video(get("_video")),
    posterMark: posterMark(get("_poster_mark")),
  };
}

/** What is asked of a recording, by its own widget or a preview. */
export type RecordingRequest =
  | { type: "stop" }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "video"; offset: number };

/** Browser → kernel. */
export type Outgoing = { type: "hello" } | { type: "ack"; index: number } | RecordingRequest;

export const send: (model: Model, message: Outgoing) => void = post;

function video(value: unknown): Video | null {
  if (!isObject<keyof Video>(value)) return null;
  const { bytes, mime, playable } = value;
  if (!isCount(bytes) || typeof mime !== "string") return null;
  return { bytes, mime, playable: playable === true && bytes > 0 && /^video\/[a-z0-9.+-]{1,40}$/.test(mime) };
}
