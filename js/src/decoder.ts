/**
 * The H.264 stream of one model, decoded by the browser (WebCodecs).
 *
 * Owns: whether this browser can, the one VideoDecoder, and which packets it has not answered yet. A packet's
 * index is its timestamp, so an image that comes out tells which packet it was. Every index is either shown or
 * finished unseen, once. Must not know: canvases, messages' names, when anything is painted.
 *
 * A stream is a chain: after a fault every packet is useless until the next key packet. So a fault, from
 * whatever cause, is told once, and the rest of the broken chain is finished unread.
 */
import type { Picture } from "./frames.ts";
import type { Key, Packet } from "./preview-model.ts";
import type { Moment } from "./wire.ts";

/** Main profile, level 3.1: what decodes this also decodes the streams that the kernel makes. */
const PROBED = "avc1.4D001F";

/** How long the browser may think about it, in milliseconds. */
const PROBE_PATIENCE = 1000;

/** More than any kernel keeps in flight; a decoder that is so far behind will not catch up. */
const MAX_PENDING = 64;

/** A decoder that keeps a packet longer, in milliseconds, has stopped: some wait for packets that never come. */
const DECODE_PATIENCE = 1500;

/** The codecs to offer to the kernel. Always answers, and soon. */
export async function probeCodecs(): Promise<string[]> {
  if (typeof VideoDecoder !== "function") return [];
  const asked = VideoDecoder.isConfigSupported({ codec: PROBED, optimizeForLatency: true }).then(
    ({ supported }) => supported === true,
    () => false,
  );
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PROBE_PATIENCE));
  return (await Promise.race([asked, late])) ? ["h264"] : [];
}

/** Where the pictures go, and what becomes of the rest. */
export interface DecoderSink {
  show(picture: Picture, index: number): void;
  /** It will never be shown. */
  finished(index: number): void;
  /** The chain is broken; only a key packet mends it. */
  lost(index: number): void;
}

export class Decoder {
  #sink: DecoderSink;
  #decoder: VideoDecoder | null = null;
  /** What the decoder was made for. */
  #setup = "";
  #pending = new Map<number, Moment | null>();
  /** No packet is of use before the next key packet. */
  #broken = false;
  /** The newest packet's index. */
  #latest = 0;
  #watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(sink: DecoderSink) {
    this.#sink = sink;
  }

  decode(packet: Packet): void {
    const { index, moment, key } = packet;
    this.#latest = index;
    if (this.#broken && !key) {
      this.#sink.finished(index);
      return;
    }
    this.#broken = false;
    if (this.#feed(packet)) return;
    this.#pending.set(index, moment); // It may have failed before it was.
    this.#fail();
  }

  close(): void {
    this.#pending.clear();
    this.#drop();
  }

  /** Whether the decoder has taken it: not if there is none, if it does not follow, or if it throws. */
  #feed({ index, moment, key, data }: Packet): boolean {
    try {
      if (key) this.#prepare(key);
      this.#pending.set(index, moment);
      if (!this.#decoder || this.#pending.size > MAX_PENDING) return false;
      // Before, since Chromium finds some faults while it is being called.
      this.#watchdog ??= setTimeout(() => this.#fail(), DECODE_PATIENCE);
      this.#decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: index, data }));
      return true;
    } catch {
      return false;
    }
  }

  /** A decoder for these packets: the one there is, if the stream goes on as it was. */
  #prepare({ codec, width, height, description }: Key): void {
    const setup = `${codec} ${width}×${height} ${description}`;
    if (this.#decoder && setup === this.#setup) return;
    this.#drop();
    const decoder = new VideoDecoder({
      output: (image) => this.#receive(image),
      error: () => {
        if (decoder === this.#decoder) this.#fail();
      },
    });
    this.#decoder = decoder;
    this.#setup = setup;
    decoder.configure({
      codec,
      codedWidth: width,
      codedHeight: height,
      optimizeForLatency: true,
      description,
    });
  }

  #receive(image: VideoFrame): void {
    const { timestamp: index, displayWidth: width, displayHeight: height } = image;
    const moment = this.#pending.get(index);
    if (moment === undefined) {
      image.close(); // Of a decoder that has been dropped.
      return;
    }
    this.#pending.delete(index);
    // Images come in order: what is older has been swallowed.
    this.#settle((other) => other < index);
    clearTimeout(this.#watchdog);
    const behind = this.#pending.size > 0;
    this.#watchdog = behind ? setTimeout(() => this.#fail(), DECODE_PATIENCE) : undefined;
    this.#sink.show({ source: image, width, height, moment, close: () => image.close() }, index);
  }

  #fail(): void {
    this.#drop();
    this.#broken = true;
    this.#sink.lost(this.#latest);
  }

  /** Ends the decoder, and with it all that it has not answered. */
  #drop(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
    this.#settle(() => true);
  }

  #settle(which: (index: number) => boolean): void {
    for (const index of [...this.#pending.keys()].filter(which)) {
      this.#pending.delete(index);
      this.#sink.finished(index);
    }
  }
}
