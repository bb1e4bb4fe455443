/**
 * The finished file of one recording, fetched through the comm in chunks.
 *
 * Owns: the order of the chunks, and the whole file once it is here. One per model, shared by its views, so
 * that a second view, or the same one shown again, plays without fetching. One request is in flight at a
 * time: a chunk asks for the next, so a busy kernel is never flooded. One that gets no answer, because several
 * pages have asked for more than the kernel sends in a second, is repeated, after ever longer times.
 * Must not know: players, object URLs (who makes one revokes it), the wire.
 */
import type { Recording, Video } from "./model.ts";
import type { ChunkMessage } from "./wire.ts";
import { hasFile } from "./words.ts";

export type FilmStatus =
  | { kind: "idle" }
  | { kind: "loading"; share: number }
  | { kind: "here"; blob: Blob }
  | { kind: "lost"; reason: string };

const PATIENCE = 2000; // milliseconds before a request is repeated for the first time

export class Film {
  status: FilmStatus = { kind: "idle" };
  #ask: (offset: number) => void;
  #changed: () => void;
  #video: Video | null = null;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #received = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: (offset: number) => void, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Starts fetching, the first time. */
  want(video: Video): void {
    if (this.#video) return;
    this.#video = video;
    this.status = { kind: "loading", share: 0 };
    this.#request(PATIENCE);
    this.#changed();
  }

  take({ offset, total, data }: ChunkMessage): void {
    const video = this.#video;
    if (!video || this.status.kind !== "loading") return;
    const end = offset + data.byteLength;
    // An answer to another question: a repeated chunk, or one that another view of the kernel asked for.
    if (offset !== this.#received || total !== video.bytes || end > total) return;
    this.#chunks.push(data);
    this.#received = end;
    if (end < total) {
      this.status = { kind: "loading", share: end / total };
      this.#request(PATIENCE);
    } else {
      this.status = { kind: "here", blob: new Blob(this.#chunks, { type: video.mime }) };
      this.close();
    }
    this.#changed();
  }

  fail(reason: string): void {
    if (this.status.kind !== "loading") return;
    this.status = { kind: "lost", reason };
    this.close();
    this.#changed();
  }

  /** Asks for nothing more, and forgets what is not whole. */
  close(): void {
    clearTimeout(this.#timer);
    this.#chunks = [];
  }

  #request(patience: number): void {
    clearTimeout(this.#timer);
    this.#ask(this.#received);
    this.#timer = setTimeout(() => {
      this.#request(2 * patience);
    }, patience);
  }
}

/**
 * To be called on every paint: only the first call that finds the file whole fetches it. Its start is painted
 * while `want` still runs, and that paint's call finds it begun.
 */
export function fetchWhenWhole(film: Film, recording: Recording): void {
  if (hasFile(recording) && recording.video?.playable) film.want(recording.video);
}
