import { describe, expect, it } from "vitest";
import { readMessage, readPreview, TRAITS } from "../src/preview-model.ts";
import { bytes, FakeModel, TRAITS_OF_A_PREVIEW, TRAITS_OF_A_RECORDING } from "./fakes.ts";

const read = (traits: Record<string, unknown> = {}) =>
  readPreview(new FakeModel(traits, TRAITS_OF_A_PREVIEW));
const PACKET = { type: "packet", index: 3, width: 640, height: 360, codec: "avc1.42E01F" };
const MOMENT = { time: 0.5, frame: 30 };

describe("the traits", () => {
  it("are the ones that the kernel sends", () => {
    expect([...TRAITS].sort()).toEqual(Object.keys(TRAITS_OF_A_PREVIEW).sort());
  });

  it("are read as they are, with the recording as its own widget reads it", () => {
    const now = read({
      _record: TRAITS_OF_A_RECORDING,
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
      expect(read({ _record: none, _take: none })).toMatchObject({ record: null, take: null });
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

describe("a packet of the stream", () => {
  it("comes with its description when it is a key", () => {
    expect(readMessage({ ...PACKET, ...MOMENT, key: true }, [bytes(1), bytes(2)])).toEqual({
      ...PACKET,
      ...{ key: true, asks: true, data: bytes(1), description: bytes(2), moment: MOMENT },
    });
    expect(readMessage({ ...PACKET, key: false, answer: false }, [bytes(1)])).toMatchObject({
      asks: false,
      description: null,
      moment: null,
    });
  });

  it.each([
    ["a key without description", { ...PACKET, key: true }, [bytes(1)]],
    ["two buffers and no key", { ...PACKET, key: false }, [bytes(1), bytes(2)]],
    ["an empty description", { ...PACKET, key: true }, [bytes(1), bytes()]],
    ["no word about a key", PACKET, [bytes(1)]],
    ["another codec", { ...PACKET, codec: "vp8", key: false }, [bytes(1)]],
    ["a huge picture", { ...PACKET, width: 1e9, key: false }, [bytes(1)]],
    ["a negative index", { ...PACKET, index: -1, key: false }, [bytes(1)]],
  ])("is ignored: %s", (_, content, buffers) => {
    expect(readMessage(content, buffers)).toBeNull();
  });

  it("comes beside the messages that a recording gets too", () => {
    const frame = { type: "frame", index: 1, width: 4, height: 2, mime: "image/png", ...MOMENT };
    expect(readMessage(frame, [bytes(1)])).toMatchObject({ type: "frame", moment: MOMENT });
    expect(readMessage({ type: "heard" }, [])).toEqual({ type: "heard" });
  });
});
