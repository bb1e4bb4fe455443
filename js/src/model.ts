/**
 * The wire contract with the kernel; twin of nbpipe/notebook/widget.py.
 *
 * Owns: every trait name and message type (no other file spells one), and the guards that turn whatever
 * came over the wire, or lay in a saved notebook, into typed values. Nothing here throws on bad input.
 * Must not know: what any of it looks like.
 *
 * Traits go one way, kernel → browser, so `Model` has no `set` and no `save_changes`: a browser that writes
 * a trait does not compile. What the browser has to say goes as a message.
 */

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

/** What we use of an anywidget model. */
export interface Model {
  get(trait: string): unknown;
  on(event: string, callback: (content?: unknown, buffers?: unknown) => void): void;
  off(event: string, callback: (content?: unknown, buffers?: unknown) => void): void;
  send(content: unknown): void;
}

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

export function readRecording(model: Model): Recording {
  const get = (trait: Trait) => model.get(trait);
  const state = get("state");
  return {
    state: STATES.find((known) => known === state) ?? "pending",
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

/** Calls back once for all the traits that changed together. Returns the way to stop. */
export function watchTraits(model: Model, changed: () => void): () => void {
  let due = false;
  let watching = true;
  const gather = () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      if (watching) changed();
    });
  };
  for (const trait of TRAITS) model.on(`change:${trait}`, gather);
  return () => {
    watching = false;
    for (const trait of TRAITS) model.off(`change:${trait}`, gather);
  };
}

/** Sent by a model when its kernel restarts (ipywidgets triggers it for nothing else), and at its end. */
const LAST_EVENTS = ["comm_live_update", "comm:close", "destroy"];

/** Calls back when the kernel behind a view has gone, at once if it is not there to begin with. */
export function watchKernel(model: Model, element: HTMLElement, gone: () => void): () => void {
  for (const event of LAST_EVENTS) model.on(event, gone);
  // anywidget's model does not tell, but ipywidgets marks a view that it makes without a kernel.
  if (element.closest(".jupyter-widgets-disconnected")) gone();
  return () => {
    for (const event of LAST_EVENTS) model.off(event, gone);
  };
}

/** Browser → kernel. */
export type Outgoing =
  | { type: "hello" }
  | { type: "stop" }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "ack"; index: number }
  | { type: "video"; offset: number };

export function send(model: Model, message: Outgoing): void {
  try {
    model.send(message);
  } catch {
    // A comm whose kernel died throws. `watchKernel` tells the person; there is nobody else to tell.
  }
}

/** One preview image. */
export interface FrameMessage {
  type: "frame";
  index: number;
  mime: string;
  data: Uint8Array<ArrayBuffer>;
}

/** One piece of the finished file. */
export interface ChunkMessage {
  type: "chunk";
  offset: number;
  total: number;
  data: Uint8Array<ArrayBuffer>;
}

/** Kernel → browser. */
export type Incoming = FrameMessage | ChunkMessage | { type: "no-video"; error: string } | { type: "heard" };

/** Never SVG, which may carry scripts. */
const IMAGES = ["image/jpeg", "image/png"];
/** No preview is larger; a forged size must not make the browser allocate gigabytes. */
const MAX_SIDE = 8192;

export function watchMessages(model: Model, received: (message: Incoming) => void): () => void {
  const receive = (content?: unknown, buffers?: unknown) => {
    const message = readMessage(content, buffers);
    if (message) received(message);
  };
  model.on("msg:custom", receive);
  return () => model.off("msg:custom", receive);
}

/** Null for anything that is not exactly one of ours. */
export function readMessage(content: unknown, buffers: unknown): Incoming | null {
  if (!isObject(content)) return null;
  const { type, index, width, height, mime, offset, total, error } = content;
  const data = bytesOf(Array.isArray(buffers) && buffers.length === 1 ? buffers[0] : null);
  if (type === "frame" && data && isCount(index) && isSide(width) && isSide(height)) {
    if (typeof mime === "string" && IMAGES.includes(mime)) return { type, index, mime, data };
  }
  if (type === "video" && data && isCount(offset) && isCount(total)) {
    return { type: "chunk", offset, total, data };
  }
  if (type === "heard") return { type };
  if (type === "video" && typeof error === "string") return { type: "no-video", error: text(error) };
  return null;
}

/** Hosts hand over a DataView (JupyterLab), an ArrayBuffer or a typed array. Null if empty. */
function bytesOf(buffer: unknown): Uint8Array<ArrayBuffer> | null {
  if (ArrayBuffer.isView(buffer)) {
    const { buffer: memory, byteOffset, byteLength } = buffer as ArrayBufferView<ArrayBuffer>;
    return byteLength > 0 ? new Uint8Array(memory, byteOffset, byteLength) : null;
  }
  // By name, since the host may have made it in another realm (a frame, a worker).
  if (Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]") return null;
  const memory = buffer as ArrayBuffer;
  return memory.byteLength > 0 ? new Uint8Array(memory) : null;
}

/** A longer text would freeze the page that lays it out; the kernel keeps the whole of it. */
const MAX_TEXT = 20_000;

/** The fields we look for in an object of unknown make. */
type Fields = Partial<Record<keyof FrameMessage | keyof ChunkMessage | keyof Video | Extra, unknown>>;
type Extra = "width" | "height" | "error";

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isSide = (value: unknown): value is number => isCount(value) && value > 0 && value <= MAX_SIDE;
const amount = (value: unknown) => (typeof value === "number" && value > 0 && value < 1e15 ? value : 0);
const count = (value: unknown) => Math.floor(amount(value));
const text = (value: unknown) => (typeof value === "string" ? value.slice(0, MAX_TEXT) : "");

function size(value: unknown): [number, number] {
  const [width, height] = Array.isArray(value) ? (value as unknown[]) : [];
  return isCount(width) && isCount(height) && width > 0 && height > 0 ? [width, height] : [16, 9];
}

function video(value: unknown): Video | null {
  if (!isObject(value)) return null;
  const { bytes, mime, playable } = value;
  if (!isCount(bytes) || typeof mime !== "string") return null;
  return { bytes, mime, playable: playable === true && bytes > 0 && /^video\/[a-z0-9.+-]{1,40}$/.test(mime) };
}

function posterMark(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z0-9+/=]{1,128}$/.test(value) ? value : "";
}
