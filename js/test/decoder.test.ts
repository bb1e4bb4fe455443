import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Decoder, probeCodecs } from "../src/decoder.ts";
import type { Key, Packet } from "../src/preview-model.ts";
import { bytes } from "./fakes.ts";

type Output = (image: unknown) => void;
type Chunk = { type: string; timestamp: number };

/** Faulty from its first byte on, as Chromium finds while it is being called. */
const GARBAGE = 255;

/** happy-dom has no decoder: this one does what it is told, and counts the images that nobody has closed. */
class FakeDecoder {
  static all: FakeDecoder[] = [];
  static open = 0;
  static refuse = false;
  state = "unconfigured";
  chunks: Chunk[] = [];
  config: Record<string, unknown> = {};
  #output: Output;
  error: () => void;
  constructor({ output, error }: { output: Output; error: () => void }) {
    this.#output = output;
    this.error = error;
    FakeDecoder.all.push(this);
  }
  configure(config: Record<string, unknown>) {
    if (FakeDecoder.refuse) throw new TypeError("no such codec");
    this.config = config;
    this.state = "configured";
  }
  decode(chunk: Chunk & { data: Uint8Array }) {
    this.chunks.push(chunk);
    if (chunk.data[0] === GARBAGE) this.error();
  }
  close() {
    this.state = "closed";
  }
  give(timestamp: number) {
    FakeDecoder.open += 1;
    const close = () => {
      FakeDecoder.open -= 1;
    };
    this.#output({ timestamp, displayWidth: 640, displayHeight: 360, close });
  }
}

let shown: [number, number | undefined][];
let unseen: number[];
let lost: number[];
let decoder: Decoder;
const at = (index: number) => FakeDecoder.all.at(index) as FakeDecoder;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("VideoDecoder", FakeDecoder);
  vi.stubGlobal(
    "EncodedVideoChunk",
    class {
      constructor(init: object) {
        Object.assign(this, init);
      }
    },
  );
  Object.assign(FakeDecoder, { all: [], open: 0, refuse: false });
  [shown, unseen, lost] = [[], [], []];
  decoder = new Decoder({
    show(picture, index) {
      shown.push([index, picture.moment?.frame]);
      picture.close();
    },
    finished: (index) => unseen.push(index),
    lost: (index) => lost.push(index),
  });
});
afterEach(() => vi.useRealTimers());

const packet = (index: number, changes: Partial<Packet> = {}): Packet => ({
  ...{ index, key: null, data: bytes(index), moment: { time: index / 60, frame: 100 + index } },
  ...changes,
});
const KEY = { codec: "avc1.42E01F", width: 640, height: 360, description: bytes(1, 66) };
const key = (index: number, changes: Partial<Key> = {}) => packet(index, { key: { ...KEY, ...changes } });

describe("a stream", () => {
  it("is decoded in order, and its images know which packet they were", () => {
    for (const one of [key(5), packet(6), packet(7)]) decoder.decode(one);
    expect(at(0).config).toMatchObject({ codec: "avc1.42E01F", optimizeForLatency: true, codedWidth: 640 });
    expect(at(0).config.description).toEqual(bytes(1, 66));
    expect(at(0).chunks.map(({ type, timestamp }) => [type, timestamp])).toEqual([
      ["key", 5],
      ["delta", 6],
      ["delta", 7],
    ]);
    for (const index of [5, 6, 7]) at(0).give(index);
    expect(shown).toEqual([
      [5, 105],
      [6, 106],
      [7, 107],
    ]);
    expect([unseen, lost]).toEqual([[], []]);
  });

  it("keeps its decoder at a key packet like the last, and gets another for another", () => {
    decoder.decode(key(1));
    decoder.decode(key(2));
    expect(FakeDecoder.all).toHaveLength(1);
    at(0).give(1);
    decoder.decode(key(3, { width: 1280 }));
    decoder.decode(key(4, { width: 1280, description: bytes(1, 77) }));
    decoder.decode(key(5, { width: 1280, description: bytes(1, 77), codec: "avc1.640028" }));
    expect(FakeDecoder.all.map(({ state }) => state)).toEqual(["closed", "closed", "closed", "configured"]);
    // What the former ones had not answered will never come.
    expect(unseen).toEqual([2, 3, 4]);
    at(0).give(2);
    expect(shown).toHaveLength(1);
    expect([FakeDecoder.open, lost]).toEqual([0, []]);
  });

  it("finishes a packet that the decoder has swallowed", () => {
    for (const one of [key(1), packet(2), packet(3)]) decoder.decode(one);
    at(0).give(3);
    expect([shown.map(([index]) => index), unseen]).toEqual([[3], [1, 2]]);
  });
});

describe("a broken chain", () => {
  function isMended() {
    decoder.decode(packet(8));
    decoder.decode(packet(9));
    expect(lost).toHaveLength(1);
    decoder.decode(key(10));
    at(-1).give(10);
    expect(shown.at(-1)?.[0]).toBe(10);
  }

  it("begins without a key packet: told once, every packet finished once, mended by a key packet", () => {
    decoder.decode(packet(7));
    expect([lost, unseen]).toEqual([[7], [7]]);
    isMended();
    expect(unseen).toEqual([7, 8, 9]);
  });

  it("comes of an error of the decoder", () => {
    for (const one of [key(1), packet(2)]) decoder.decode(one);
    at(0).give(1);
    at(0).error();
    expect([lost, unseen]).toEqual([[2], [2]]);
    isMended();
    at(0).error(); // Of a decoder that has been given up.
    expect(lost).toHaveLength(1);
  });

  it("comes of a packet that is garbage, and is told once", () => {
    decoder.decode(key(1));
    at(0).give(1);
    decoder.decode(packet(2, { data: bytes(GARBAGE) }));
    vi.advanceTimersByTime(10_000);
    expect([lost, unseen, vi.getTimerCount()]).toEqual([[2], [2], 0]);
    isMended();
  });

  it("comes of a stream that the decoder refuses", () => {
    FakeDecoder.refuse = true;
    decoder.decode(key(3));
    expect([lost, unseen]).toEqual([[3], [3]]);
    FakeDecoder.refuse = false;
    isMended();
  });

  it("comes of a decoder that has stopped", () => {
    for (const one of [key(1), packet(2)]) decoder.decode(one);
    vi.advanceTimersByTime(1000);
    at(0).give(1);
    vi.advanceTimersByTime(1000);
    expect(lost).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect([lost, unseen]).toEqual([[2], [2]]);
    isMended();
  });

  it("comes of a kernel that sends without being paid, whose packets are not kept", () => {
    decoder.decode(key(0));
    for (let index = 1; index < 1000; index += 1) decoder.decode(packet(index));
    expect(lost).toHaveLength(1);
    expect(unseen).toHaveLength(1000);
  });
});

it("lets everything go at the end", () => {
  decoder.decode(key(1));
  decoder.close();
  at(0).give(1);
  expect([at(0).state, FakeDecoder.open, vi.getTimerCount()]).toEqual(["closed", 0, 0]);
  expect([shown, unseen]).toEqual([[], []]);
});

describe("the offer to the kernel", () => {
  const supports = (answer: () => Promise<unknown>) =>
    vi.stubGlobal(
      "VideoDecoder",
      Object.assign(() => {}, { isConfigSupported: answer }),
    );

  it("is H.264 where the browser says yes", async () => {
    supports(async () => ({ supported: true }));
    expect(await probeCodecs()).toEqual(["h264"]);
  });

  it.each([
    ["says no", async () => ({ supported: false })],
    ["does not know", () => Promise.reject(new TypeError("what?"))],
  ])("is nothing where it %s", async (_, answer) => {
    supports(answer);
    expect(await probeCodecs()).toEqual([]);
  });

  it("is nothing where there is no decoder, or none that answers", async () => {
    vi.stubGlobal("VideoDecoder", undefined);
    expect(await probeCodecs()).toEqual([]);
    supports(() => new Promise(() => {}));
    const probe = probeCodecs();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await probe).toEqual([]);
  });
});
