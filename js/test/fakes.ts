/**
 * The one fake of each thing outside: a model with its kernel, the browser's images and object URLs.
 * Not here: a fake page. The tests run in happy-dom, which is a page without pixels.
 */
import { vi } from "vitest";
import type { Picture } from "../src/frames.ts";
import { type FrameMessage, type Model, type Recording, readRecording } from "../src/model.ts";

type Listener = (content?: unknown, buffers?: unknown) => void;

/** What widget.py sends when a recording of 300 frames is under way. */
export const TRAITS_OF_A_RECORDING: Record<string, unknown> = {
  state: "recording",
  frame: 120,
  frames: 300,
  frames_written: 118,
  queued: 2,
  synced: false,
  progress: 0.4,
  fps: 84.2,
  eta: 2.1,
  elapsed: 1.4,
  bytes: 1_234_567,
  renderer: "NVIDIA H200/PCIe/SSE2",
  encoder: "libx264, crf 20",
  bottleneck: "",
  error: "",
  _name: "out.mp4",
  _size: [1280, 720],
  _rate: "60",
  _software: false,
  _note: "",
  _video: null,
  _poster_mark: "",
};

export class FakeModel implements Model {
  /** All that the browser said. */
  sent: Record<string, unknown>[] = [];
  traits: Record<string, unknown>;
  /** A kernel that hears nothing answers no hello. */
  deaf = false;
  #listeners: [string, Listener][] = [];

  constructor(traits: Record<string, unknown> = {}) {
    this.traits = { ...TRAITS_OF_A_RECORDING, ...traits };
  }

  get(trait: string): unknown {
    return this.traits[trait];
  }
  on(event: string, callback: Listener): void {
    this.#listeners.push([event, callback]);
  }
  off(event: string, callback: Listener): void {
    this.#listeners = this.#listeners.filter(([name, known]) => name !== event || known !== callback);
  }
  send(content: unknown): void {
    const message = content as Record<string, unknown>;
    this.sent.push(message);
    if (message.type === "hello" && !this.deaf) this.receive({ type: "heard" });
  }

  /** The browser's words of one type, in order. */
  said(type: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message.type === type);
  }
  get listeners(): number {
    return this.#listeners.length;
  }
  trigger(event: string, content?: unknown, buffers?: unknown): void {
    for (const [name, callback] of [...this.#listeners]) if (name === event) callback(content, buffers);
  }
  /** The kernel sets traits; the views have painted when this resolves. */
  async set(traits: Record<string, unknown>): Promise<void> {
    Object.assign(this.traits, traits);
    for (const trait of Object.keys(traits)) this.trigger(`change:${trait}`);
    await Promise.resolve();
  }
  /** The kernel sends a message. */
  receive(content: unknown, ...buffers: unknown[]): void {
    this.trigger("msg:custom", content, buffers);
  }
  receiveFrame(index: number): void {
    this.receive({ type: "frame", index, width: 4, height: 2, mime: "image/jpeg" }, bytes(index));
  }
}

/** One view's own proxy of a model, as anywidget hands them out: no two are equal. */
export const proxyOf = (model: FakeModel): Model => ({
  get: model.get.bind(model),
  on: model.on.bind(model),
  off: model.off.bind(model),
  send: model.send.bind(model),
});

export function recording(changes: Partial<Recording> = {}): Recording {
  return { ...readRecording(new FakeModel()), ...changes };
}

export const bytes = (...values: number[]) => new Uint8Array(values);

export const frame = (index: number): FrameMessage => ({
  type: "frame",
  index,
  mime: "image/jpeg",
  data: bytes(index),
});

/** A decoder that answers when told to, and animation frames that come when told to. */
export function fakeScreenTime() {
  const decoding: { finish(): Promise<void>; fail(): Promise<void> }[] = [];
  const animations = new Map<number, () => void>();
  const bitmaps = { open: 0 };
  let handle = 0;
  const settled = () => new Promise<void>((resolve) => setTimeout(resolve));

  vi.stubGlobal("createImageBitmap", () => {
    let resolve: (bitmap: unknown) => void;
    let reject: (error: Error) => void;
    const promise = new Promise<unknown>((...settlers) => {
      [resolve, reject] = settlers;
    });
    const close = () => {
      bitmaps.open -= 1;
    };
    const answer = (settle: () => void) => () => {
      decoding.shift();
      settle();
      return settled();
    };
    decoding.push({
      finish: answer(() => {
        bitmaps.open += 1;
        resolve({ width: 4, height: 2, close });
      }),
      fail: answer(() => reject(new Error("not an image"))),
    });
    return promise;
  });
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => {
    handle += 1;
    animations.set(handle, callback);
    return handle;
  });
  vi.stubGlobal("cancelAnimationFrame", (cancelled: number) => animations.delete(cancelled));

  return {
    decoding,
    bitmaps,
    /** The screen refreshes. */
    animate() {
      const due = [...animations.values()];
      animations.clear();
      for (const callback of due) callback();
    },
    get animations() {
      return animations.size;
    },
    async decodeNext() {
      await decoding[0]?.finish();
    },
    async failNext() {
      await decoding[0]?.fail();
    },
  };
}

/** Counts the object URLs that are alive. */
export function countUrls(): Set<string> {
  const alive = new Set<string>();
  let made = 0;
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
    made += 1;
    const url = `blob:test/${made}`;
    alive.add(url);
    return url;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((url) => void alive.delete(url));
  return alive;
}

export const picture = (): Picture => ({
  source: document.createElement("canvas"),
  width: 4,
  height: 2,
  close: () => {},
});

/** What a person reads: text that no ancestor hides. */
export function visibleText(root: Element): string {
  if (root.matches("[hidden], style, .nbpipe-spoken")) return "";
  return [...root.childNodes]
    .map((child) => (child instanceof Element ? visibleText(child) : (child.textContent ?? "")))
    .filter(Boolean)
    .join(" ");
}

/** The visible button or link of that name. */
export function button(root: Element, name: string): HTMLButtonElement | null {
  const all = [...root.querySelectorAll<HTMLButtonElement>("button, a")];
  return all.find((one) => !one.hidden && one.textContent === name) ?? null;
}
