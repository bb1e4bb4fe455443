import { describe, expect, it } from "vitest";
import { readMessage, readPreview, TRAITS } from "../src/preview-model.ts";
import { bytes, FakeModel, TRAITS_OF_A_PREVIEW, TRAITS_OF_A_RECORDING } from "./fakes.ts";

const read = (traits: Record<string, unknown> = {}) =>
  readPreview(new FakeModel(traits, TRAITS_OF_A_PREVIEW));
const CODEC = { codec: "avc1.42E01F", width: 640, height: 360 };
const PACKETS = { type: "packets", pictures: [[3, 0.5, 30]] };
const PAIR = { ...PACKETS, pictures: [...PACKETS.pictures, [4, 0.55, 33]] };
const MOMENT = { time: 0.5, frame: 30 };

describe("the traits", () => {
  it("are the ones that the kernel sends", () => {
    expect([...TRAITS].sort()).toEqual(Object.keys(TRAITS_OF_A_PREVIEW).sort());
  });

  it("are read as they are, with the recording as its own widget reads it", () => {
    const now = read({
      _recording: TRAITS_OF_A_RECORDING,
      _take: { duration: 4.2, entries: 9 },
      _stream: "h264",
    });
    expect(now).toMatchObject({ playing: true, time: 3.2, size: [640, 360], shownFps: 59.4, stream: "h264" });
    expect(now.record).toMatchObject({ state: "recording", framesWritten: 118, name: "out.mp4" });
    expect(now.take).toEqual({ duration: 4.2, entries: 9 });
    expect(now.parameters).toHaveLength(8);
  });

  it.each([null, {}, { state: "who knows", duration: "long" }])(
    "name no recording and no take: %j",
    (none) => {
      expect(read({ _recording: none, _take: none })).toMatchObject({ record: null, take: null });
    },
  );

  const JUNK = [undefined, null, -1, Number.NaN, 1e308, "9", "<b>", [], [1], {}, [["x"]], true];
  it.each(JUNK)("read %j in every place without throwing, as something that can be painted", (junk) => {
    const now = read(Object.fromEntries(TRAITS.map((trait) => [trait, junk])));
    for (const number of [now.time, now.fps, now.frame, now.shownFps, ...now.size]) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1e16);
    }
    expect(now.duration).toBeGreaterThan(0);
    expect(Number.isFinite(now.speed)).toBe(true);
    expect(now.parameters).toEqual([]);
    expect(["", "jpeg", "h264"]).toContain(now.stream);
  });
});

describe("packets of the stream", () => {
  it("come one with what a decoder must know, or some without", () => {
    expect(readMessage({ ...PACKETS, key: CODEC, asks: true, awaited: 4 }, [bytes(1), bytes(2)])).toEqual({
      ...{ type: "packets", asks: true, awaited: 4 },
      packets: [
        {
          ...{ index: 3, data: bytes(1), moment: { time: 0.5, frame: 30 } },
          key: { ...CODEC, description: bytes(2) },
        },
      ],
    });
    expect(readMessage(PAIR, [bytes(1), bytes(2)])).toEqual({
      ...{ type: "packets", asks: false, awaited: null },
      packets: [
        { index: 3, data: bytes(1), key: null, moment: { time: 0.5, frame: 30 } },
        { index: 4, data: bytes(2), key: null, moment: { time: 0.55, frame: 33 } },
      ],
    });
  });

  it.each([
    ["a key without description", { ...PACKETS, key: CODEC }, [bytes(1)]],
    ["two buffers and no key", PACKETS, [bytes(1), bytes(2)]],
    ["two pictures in one buffer", PAIR, [bytes(1)]],
    ["two pictures and a key", { ...PAIR, key: CODEC }, [bytes(1), bytes(2), bytes(3)]],
    ["an empty description", { ...PACKETS, key: CODEC }, [bytes(1), bytes()]],
    ["another codec", { ...PACKETS, key: { ...CODEC, codec: "vp8" } }, [bytes(1), bytes(2)]],
    ["a huge picture", { ...PACKETS, key: { ...CODEC, width: 1e9 } }, [bytes(1), bytes(2)]],
    ["a key that is none", { ...PACKETS, key: true }, [bytes(1), bytes(2)]],
    ["a negative index", { ...PACKETS, pictures: [[-1, 0, 0]] }, [bytes(1)]],
    ["a picture that is none", { ...PACKETS, pictures: [3] }, [bytes(1)]],
    ["no pictures", { ...PACKETS, pictures: [] }, []],
    ["very many", { ...PACKETS, pictures: Array(17).fill([1, 0, 0]) }, Array(17).fill(bytes(1))],
  ])("are ignored: %s", (_, content, buffers) => {
    expect(readMessage(content, buffers)).toBeNull();
  });

  it("comes beside the messages that a recording gets too", () => {
    const frame = { type: "frame", index: 1, width: 4, height: 2, mime: "image/png", ...MOMENT };
    expect(readMessage(frame, [bytes(1)])).toMatchObject({ type: "frame", moment: MOMENT });
    expect(readMessage({ type: "heard" }, [])).toEqual({ type: "heard", client: null });
  });
});
