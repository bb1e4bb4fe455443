/**
 * The one fake of each thing outside: a model with its kernel, the browser's images and object URLs.
 * Not here: a fake page. The tests run in happy-dom, which is a page without pixels.
 */
import { vi } from "vitest";
import type { Picture } from "../src/frames.ts";
import { type Recording, readRecording } from "../src/model.ts";
import type { FrameMessage, Model } from "../src/wire.ts";

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

const parameter = (name: string, kind: string, value: unknown, more: Record<string, unknown> = {}) => ({
  ...{ name, kind, label: name, value, min: null, max: null, step: null, options: [] },
  ...more,
});

/** What preview.py sends while a scene with a parameter of each kind plays. */
export const TRAITS_OF_A_PREVIEW: Record<string, unknown> = {
  playing: true,
  time: 3.2,
  speed: 1,
  loop: true,
  duration: 10,
  size: [640, 360],
  fps: 60,
  frame: 192,
  shown_fps: 59.4,
  renderer: "NVIDIA H200/PCIe/SSE2",
  error: "",
  taking: false,
  _software: false,
  _name: "Shader",
  _parameters: [
    parameter("gain", "float", 0.5, { min: 0, max: 1 }),
    parameter("steps", "int", 8, { min: 1, max: 64, step: 1 }),
    parameter("fog", "bool", true),
    parameter("tint", "color", [1, 0.5, 0]),
    parameter("veil", "color", [0, 0, 1, 0.25]),
    parameter("offset", "vector", [0, 1, 2]),
    parameter("mode", "choice", 1, { options: ["flat", "<b>smooth</b>"] }),
    parameter("free", "float", 2.5),
  ],
  _recording: null,
  _take: null,
  _stream: "jpeg",
  _poster_mark: "",
};

export class FakeModel implements Model {
  /** All that the browser said. */
  sent: Record<string, unknown>[] = [];
  traits: Record<string, unknown>;
  /** A kernel that hears nothing answers no hello. */
  deaf = false;
  #listeners: [string, Listener][] = [];

  constructor(traits: Record<string, unknown> = {}, usual = TRAITS_OF_A_RECORDING) {
    this.traits = { ...usual, ...traits };
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
    if (message.type === "hello" && !this.deaf) this.hear();
  }

  /** The kernel answers the page's hello. */
  hear(): void {
    this.receive({ type: "heard", client: this.said("hello")[0]?.client });
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
  return { ...readRecording((trait) => TRAITS_OF_A_RECORDING[trait]), ...changes };
}

export const bytes = (...values: number[]) => new Uint8Array(values);

export const frame = (index: number): FrameMessage => ({
  type: "frame",
  index,
  mime: "image/jpeg",
  asks: true,
  awaited: null,
  data: bytes(index),
  moment: null,
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
  moment: null,
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

/** A press does nothing, and the focus stays. */
export const rests = (button: HTMLButtonElement | null) =>
  !button?.disabled && button?.getAttribute("aria-disabled") === "true";

/** Elements that come into sight and go out of it when told to. */
export function fakeSight() {
  const watched = new Map<Element, (visible: boolean) => void>();
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      #callback: (entries: { isIntersecting: boolean }[]) => void;
      #element: Element | null = null;
      constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
        this.#callback = callback;
      }
      observe(element: Element) {
        this.#element = element;
        watched.set(element, (isIntersecting) => this.#callback([{ isIntersecting }]));
      }
      disconnect() {
        if (this.#element) watched.delete(this.#element);
      }
    },
  );
  return {
    /** All views, or the one in that place. */
    scroll(visible: boolean, at?: number) {
      for (const [place, see] of [...watched.values()].entries())
        if (at === undefined || at === place) see(visible);
    },
    get watched() {
      return watched.size;
    },
  };
}

/** Pointer, wheel and key events as a browser makes them: real ones, with the fields given. */
export function act(target: EventTarget, type: string, fields: Record<string, unknown> = {}): Event {
  const event = new Event(type, { bubbles: true, cancelable: true });
  const usual = {
    ...{ pointerId: 1, pointerType: "mouse", pressure: 0.5, button: 0, buttons: 0, clientX: 0, clientY: 0 },
    ...{ shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, deltaX: 0, deltaY: 0, deltaMode: 0 },
    ...{ key: "", code: "", repeat: false },
  };
  for (const [name, value] of Object.entries({ ...usual, ...fields })) {
    Object.defineProperty(event, name, { value });
  }
  target.dispatchEvent(event);
  return event;
}
