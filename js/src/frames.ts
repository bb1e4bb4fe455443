/**
 * The pictures of one model: which is shown when, and what the kernel is told of it.
 *
 * Owns: decoding of stills, the pictures that wait for the screen, the last one (a view that comes late shows it
 * at once), and when they are acknowledged. One per model, shared by its views. Must not know: canvases,
 * messages, the kernel.
 *
 *     offer ──► waiting ──► decoding ──► ready, up to `depth` ──► picture, painted by every viewer
 *                  │ a newer frame came    ▲  │ too many                │
 *                  └────── finished ◄──────│──┘                         ▼ at an animation frame
 *                                 show ────┘ decoded by somebody else   ack, when one is requested
 *
 * Stills and pictures of a video may come mixed and be decoded at different speeds: the index tells which is
 * newer, and an older one is never shown after it.
 *
 * A stream comes in bursts, and a screen takes one picture at a time. So pictures may wait for the next few
 * animation frames instead of giving way to newer ones at once. The least number that waited during a second is
 * what no burst has needed: so many are dropped, and the delay with them. A picture that a person waits for takes
 * the place of all that wait.
 *
 * The kernel keeps only so many pictures under way, and an ack makes room for more. It is sent inside an
 * animation frame, and stands for every picture up to its index, dropped ones too. So none is sent while the tab
 * is hidden or no view is left: then the kernel stops sending by itself, and the first animation frame afterwards
 * starts it again.
 */
import type { FrameMessage, Moment } from "./wire.ts";

/** A decoded image. Whoever replaces it closes it. */
export interface Picture {
  source: CanvasImageSource;
  width: number;
  height: number;
  /** Null where the kernel does not tell. */
  moment: Moment | null;
  close(): void;
}

/** Draws a picture somewhere, before it returns. */
export type Viewer = (picture: Picture) => void;

/** `age`: milliseconds since picture `index` was finished; `shown`: how many were since the ack before. */
export type Ack = (index: number, age: number, shown: number) => void;

/** Acks that may be due: more than any kernel requests before it waits for one. */
const MOST_REQUESTED = 64;
/** Milliseconds over which the pictures that wait are watched. */
const WATCHED = 1000;

export class Frames {
  #ack: Ack;
  #depth: number;
  #viewers = new Set<Viewer>();
  #waiting: FrameMessage | null = null;
  #decoding = false;
  /** Decoded, the oldest first. */
  #ready: Picture[] = [];
  #picture: Picture | null = null;
  #newest = -1;
  /** Since the last ack. */
  #shown = 0;
  /** The newest picture that is ready, shown or dropped, and since when. */
  #finished = -1;
  #finishedAt = 0;
  /** The pictures for which one is requested and not sent, in order. */
  #acksRequested: number[] = [];
  /** The newest that a person waits for. */
  #awaited = -1;
  #watched = Number.NEGATIVE_INFINITY;
  #least = Number.POSITIVE_INFINITY;
  #animation: number | null = null;
  #closed = false;

  /** `depth`: how many pictures may wait for the screen. */
  constructor(ack: Ack, depth = 1) {
    this.#ack = ack;
    this.#depth = depth;
  }

  offer(frame: FrameMessage): void {
    if (this.#closed) return;
    if (frame.asks) this.requestAck(frame.index);
    if (frame.awaited !== null) this.expect(frame.index);
    if (this.#waiting) this.finished(this.#waiting.index);
    this.#waiting = frame;
    this.#decodeNext();
  }

  /** An ack is due when picture `index` is finished. */
  requestAck(index: number): void {
    this.#acksRequested.push(index);
    // A later one stands for it.
    if (this.#acksRequested.length > MOST_REQUESTED) this.#acksRequested.shift();
    this.#schedule();
  }

  /** Takes over a decoded picture. */
  show(picture: Picture, index: number): void {
    if (this.#closed || index < this.#newest) {
      picture.close();
    } else {
      this.#newest = index;
      this.#ready.push(picture);
      this.#keep(index <= this.#awaited ? 1 : this.#depth);
    }
    this.finished(index);
  }

  /** Picture `index` is ready for the screen, or will never be shown. */
  finished(index: number): void {
    if (index > this.#finished) {
      this.#finished = index;
      this.#finishedAt = performance.now();
    }
    this.#schedule();
  }

  /** A person waits for picture `index`. */
  expect(index: number): void {
    this.#awaited = index;
  }

  /** Shows the last picture at once, if there is one, and each later one. Returns the way to stop. */
  attach(viewer: Viewer): () => void {
    this.#viewers.add(viewer);
    if (this.#picture) viewer(this.#picture);
    this.#decodeNext();
    this.#schedule();
    return () => {
      this.#viewers.delete(viewer);
    };
  }

  close(): void {
    this.#closed = true;
    this.#waiting = null;
    this.#keep(0);
    this.#picture?.close();
    this.#picture = null;
    this.#viewers.clear();
    if (this.#animation !== null) cancelAnimationFrame(this.#animation);
  }

  #decodeNext(): void {
    const frame = this.#waiting;
    if (!frame || this.#decoding || this.#viewers.size === 0) return;
    this.#waiting = null;
    this.#decoding = true;
    decode(frame)
      .then(
        (picture) => this.show(picture, frame.index),
        // A damaged image is thrown away like a late one; the next one may be whole.
        () => this.finished(frame.index),
      )
      .finally(() => {
        this.#decoding = false;
        this.#decodeNext();
      });
  }

  /** Drops the oldest that wait, until so many are left. */
  #keep(most: number): void {
    for (const picture of this.#ready.splice(0, this.#ready.length - most)) picture.close();
  }

  get #ackDue(): boolean {
    const [first] = this.#acksRequested;
    return first !== undefined && first <= this.#finished;
  }

  #schedule(): void {
    const due = this.#ready.length > 0 || this.#ackDue;
    if (!due || this.#closed || this.#viewers.size === 0 || this.#animation !== null) return;
    this.#animation = requestAnimationFrame(() => {
      this.#animation = null;
      if (this.#viewers.size === 0) return;
      this.#paint();
      if (this.#ackDue) this.#acknowledge();
      this.#schedule();
    });
  }

  #acknowledge(): void {
    const shown = this.#shown;
    this.#shown = 0;
    this.#acksRequested = this.#acksRequested.filter((index) => index > this.#finished);
    this.#ack(this.#finished, Math.round(performance.now() - this.#finishedAt), shown);
  }

  #paint(): void {
    const next = this.#ready.shift();
    if (!next) return;
    this.#picture?.close();
    this.#picture = next;
    for (const viewer of this.#viewers) viewer(next);
    this.#shown += 1;
    this.#least = Math.min(this.#least, this.#ready.length);
    const now = performance.now();
    if (now < this.#watched + WATCHED) return;
    if (Number.isFinite(this.#watched)) this.#keep(this.#ready.length - this.#least);
    this.#watched = now;
    this.#least = Number.POSITIVE_INFINITY;
  }
}

async function decode({ data, mime, moment }: FrameMessage): Promise<Picture> {
  const blob = new Blob([data], { type: mime });
  if (typeof createImageBitmap === "function") {
    const bitmap = await createImageBitmap(blob);
    return {
      source: bitmap,
      width: bitmap.width,
      height: bitmap.height,
      moment,
      close: () => bitmap.close(),
    };
  }
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    return { source: image, width, height, moment, close: () => {} };
  } finally {
    URL.revokeObjectURL(url);
  }
}
