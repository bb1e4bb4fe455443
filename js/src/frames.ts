/**
 * The pictures of one model: newest frame wins.
 *
 * Owns: decoding of stills, the last picture (a view that comes late shows it at once), and when a frame is
 * acknowledged. One per model, shared by its views. Must not know: canvases, messages, the kernel.
 *
 *     offer ──► waiting ──► decoding ──► picture ──► painted by every viewer ──► acknowledged
 *                  │ a newer frame came    ▲  │ a newer frame came                    ▲
 *                  └────────── owed ◄──────│──┘ ────────── next animation frame ──────┘
 *                                 show ────┘ a picture that somebody else has decoded
 *
 * Stills and pictures of a video may come mixed and be decoded at different speeds: the index tells which is
 * newer, and an older one is never shown after it.
 *
 * The kernel keeps only a few frames in flight, so an acknowledgement is what makes it send the next one.
 * It is paid inside an animation frame, and pays for every frame up to that index, dropped ones too. That
 * paces the preview to what the screen shows, and it pays nothing while the tab is hidden or no view is left:
 * then the kernel stops sending by itself, and the first animation frame afterwards starts it again.
 *
 * Each payment is a message, which the kernel answers with two of its own (busy, idle): together they cost as
 * much as a frame. So a fast stream pays for a few frames at once, and says how long ago the newest was shown.
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

/** `age`: milliseconds since frame `index` was shown; `shown`: how many were since the payment before. */
export type Acknowledge = (index: number, age: number, shown: number) => void;

/** So many frames are paid for at once, however fast they come: no kernel has fewer than half of them under way. */
const MOST_AT_ONCE = 4;

export class Frames {
  #acknowledge: Acknowledge;
  #patience: number;
  #paidAt = Number.NEGATIVE_INFINITY;
  #shown = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #viewers = new Set<Viewer>();
  #waiting: FrameMessage | null = null;
  #decoding = false;
  #picture: Picture | null = null;
  /** The picture's index until it has been painted. */
  #unpainted: number | null = null;
  #newest = -1;
  /** The newest frame that is owed an acknowledgement, and the newest that had one. */
  #owed = -1;
  #paid = -1;
  #animation: number | null = null;
  #closed = false;

  /** `patience`: milliseconds between two payments, unless many frames are owed. */
  constructor(acknowledge: Acknowledge, patience = 0) {
    this.#acknowledge = acknowledge;
    this.#patience = patience;
  }

  offer(frame: FrameMessage): void {
    if (this.#closed) return;
    if (this.#waiting) this.owe(this.#waiting.index);
    this.#waiting = frame;
    this.#decodeNext();
  }

  /** Takes over a decoded picture. */
  show(picture: Picture, index: number): void {
    if (this.#closed || index < this.#newest) {
      picture.close();
      this.owe(index);
      return;
    }
    if (this.#unpainted !== null) this.owe(this.#unpainted);
    this.#picture?.close();
    this.#picture = picture;
    this.#newest = this.#unpainted = index;
    this.#schedule();
  }

  /** A frame that will never be shown: acknowledged with the next that is. */
  owe(index: number): void {
    this.#owed = Math.max(this.#owed, index);
    this.#schedule();
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
    this.#picture?.close();
    this.#picture = null;
    this.#viewers.clear();
    clearTimeout(this.#timer);
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
        () => this.owe(frame.index),
      )
      .finally(() => {
        this.#decoding = false;
        this.#decodeNext();
      });
  }

  #schedule(): void {
    const due = this.#unpainted !== null || this.#owed > this.#paid;
    if (!due || this.#closed || this.#viewers.size === 0 || this.#animation !== null) return;
    this.#animation = requestAnimationFrame(() => {
      this.#animation = null;
      if (this.#viewers.size > 0) this.#paint();
    });
  }

  #paint(): void {
    const picture = this.#picture;
    if (picture && this.#unpainted !== null) {
      for (const viewer of this.#viewers) viewer(picture);
      this.#owed = Math.max(this.#owed, this.#unpainted);
      this.#unpainted = null;
      this.#shown += 1;
    }
    if (this.#owed <= this.#paid) return;
    const now = performance.now();
    const wait = this.#paidAt + this.#patience - now;
    clearTimeout(this.#timer);
    if (wait <= 0 || this.#owed - this.#paid >= MOST_AT_ONCE) this.#pay(now, now);
    else this.#timer = setTimeout(() => this.#pay(now, performance.now()), wait);
  }

  #pay(shownAt: number, now: number): void {
    this.#paid = this.#owed;
    this.#paidAt = now;
    const shown = this.#shown;
    this.#shown = 0;
    this.#acknowledge(this.#paid, Math.round(now - shownAt), shown);
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
