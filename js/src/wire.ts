/**
 * The channel to the kernel that both widgets use.
 *
 * Owns: how traits, messages and the kernel's end are watched, and the messages that both widgets receive:
 * pictures, and the chunks of a finished file. Nothing here throws on bad input.
 * Must not know: the traits of either widget (model.ts, preview-model.ts).
 *
 * Traits go one way, kernel → browser, so `Model` has no `set` and no `save_changes`: a browser that writes
 * a trait does not compile. What the browser has to say goes as a message.
 */
import { amount, type Bytes, bytesOf, isCount, isNumber, isObject, isSide, text } from "./guards.ts";

/** What we use of an anywidget model. */
export interface Model {
  get(trait: string): unknown;
  on(event: string, callback: (content?: unknown, buffers?: unknown) => void): void;
  off(event: string, callback: (content?: unknown, buffers?: unknown) => void): void;
  send(content: unknown): void;
}

/** Calls back once for all the traits that changed together. Returns the way to stop. */
export function watchTraits(model: Model, traits: readonly string[], changed: () => void): () => void {
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
  for (const trait of traits) model.on(`change:${trait}`, gather);
  return () => {
    watching = false;
    for (const trait of traits) model.off(`change:${trait}`, gather);
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

/** Calls back for each message that `read` makes something of. Returns the way to stop. */
export function watchMessages<Message>(
  model: Model,
  read: (content: unknown, buffers: unknown) => Message | null,
  received: (message: Message) => void,
): () => void {
  const receive = (content?: unknown, buffers?: unknown) => {
    const message = read(content, buffers);
    if (message) received(message);
  };
  model.on("msg:custom", receive);
  return () => model.off("msg:custom", receive);
}

export function post(model: Model, message: { type: string }): void {
  try {
    model.send(message);
  } catch {
    // A comm whose kernel died throws. `watchKernel` tells the person; there is nobody else to tell.
  }
}

/** Never SVG, which may carry scripts. */
const IMAGES = ["image/jpeg", "image/png"];

/** One picture, compressed by itself. */
export interface FrameMessage {
  type: "frame";
  index: number;
  mime: string;
  /** An answer is wanted; so it is where the kernel says nothing of it. */
  asks: boolean;
  /** How long the kernel had known, in milliseconds, that somebody waits for it; null if nobody does. */
  awaited: number | null;
  data: Bytes;
  /** The scene's time and frame number, where the kernel tells. */
  moment: Moment | null;
}

/** When in the scene a picture was drawn. */
export interface Moment {
  time: number;
  frame: number;
}

/** One chunk of a finished file. */
export interface ChunkMessage {
  type: "chunk";
  offset: number;
  total: number;
  data: Bytes;
}

/** What every widget of ours may receive. */
export type CommonMessage =
  | FrameMessage
  | ChunkMessage
  | { type: "no-video"; error: string }
  | { type: "heard"; client: string | null };

/** Null for anything that is not exactly one of these. */
export function readCommon(content: unknown, buffers: unknown): CommonMessage | null {
  if (!isObject<CommonField>(content)) return null;
  const { type, index, width, height, mime, asks, awaited, offset, total, error, client } = content;
  const [data] = bytesOf(buffers, 1) ?? [];
  if (type === "frame" && data && isCount(index) && isSide(width) && isSide(height)) {
    if (typeof mime !== "string" || !IMAGES.includes(mime)) return null;
    const told = { asks: asks !== false, awaited: waited(awaited) };
    return { type, index, mime, ...told, data, moment: momentOf(content) };
  }
  if (type === "video" && data && isCount(offset) && isCount(total)) {
    return { type: "chunk", offset, total, data };
  }
  if (type === "heard") return { type, client: typeof client === "string" ? client : null };
  if (type === "video" && typeof error === "string") return { type: "no-video", error: text(error) };
  return null;
}

/** Of something that a person waits for: for how many milliseconds. */
export const waited = (value: unknown) => (isNumber(value) ? amount(value) : null);

type CommonField =
  | "type"
  | "index"
  | "width"
  | "height"
  | "mime"
  | "asks"
  | "awaited"
  | "offset"
  | "total"
  | "error"
  | "client"
  | keyof Moment;

export function momentOf({ time, frame }: Partial<Record<keyof Moment, unknown>>): Moment | null {
  return isNumber(time) && isCount(frame) ? { time, frame } : null;
}
