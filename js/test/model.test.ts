import { describe, expect, it } from "vitest";
import { readRecording, TRAITS } from "../src/model.ts";
import { TRAITS_OF_A_RECORDING } from "./fakes.ts";

const read = (traits: Record<string, unknown>) =>
  readRecording((trait) => ({ ...TRAITS_OF_A_RECORDING, ...traits })[trait]);

describe("the traits", () => {
  it("are the ones that the kernel sends", () => {
    expect([...TRAITS].sort()).toEqual(Object.keys(TRAITS_OF_A_RECORDING).sort());
  });

  it("are read as they are", () => {
    const video = { bytes: 9, mime: "video/mp4", playable: true };
    const found = read({ _video: video, _poster_mark: "Ab+/9==", eta: 0, frames: null });
    expect(found).toMatchObject({
      state: "recording",
      frame: 120,
      framesWritten: 118,
      size: [1280, 720],
      video,
    });
    expect(found).toMatchObject({ eta: 0, frames: null, posterMark: "Ab+/9==", name: "out.mp4" });
  });

  const JUNK = [
    undefined,
    null,
    -1,
    Number.NaN,
    1e308,
    "9",
    "<b>",
    [],
    [1],
    {},
    [["x"]],
    true,
    { bytes: -1 },
  ];
  it.each(JUNK)("read %j in every place without throwing, as something that can be painted", (junk) => {
    const found = read(Object.fromEntries(TRAITS.map((trait) => [trait, junk])));
    expect(["pending", "recording"]).toContain(found.state);
    for (const number of [
      found.frame,
      found.progress,
      found.fps,
      found.bytes,
      found.elapsed,
      ...found.size,
    ]) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1e16);
    }
    expect(found.progress).toBeLessThanOrEqual(1);
    expect(typeof found.name).toBe("string");
    expect(found.video).toBeNull();
  });

  it.each(['x"]) { } * { display: none', "a b", "\\", "A".repeat(129)])(
    "refuse the poster mark %j",
    (mark) => {
      expect(read({ _poster_mark: mark }).posterMark).toBe("");
    },
  );

  it.each(["text/html", "image/svg+xml", "video/mp4;x=<"])("call %j nothing to play", (mime) => {
    const found = read({ _video: { bytes: 9, mime, playable: true } });
    expect(found.video?.playable).toBe(false);
  });

  it("cut a text that would freeze the page", () => {
    expect(read({ error: "x".repeat(1e6) }).error.length).toBeLessThan(30_000);
  });
});
