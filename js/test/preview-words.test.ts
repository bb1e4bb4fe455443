import { describe, expect, it } from "vitest";
import { type Preview, readPreview } from "../src/preview-model.ts";
import * as words from "../src/preview-words.ts";
import { FakeModel, TRAITS_OF_A_PREVIEW } from "./fakes.ts";

const preview = (changes: Partial<Preview> = {}): Preview => ({
  ...readPreview(new FakeModel({}, TRAITS_OF_A_PREVIEW)),
  ...changes,
});
const LIVE = { gone: false, heard: true, young: false };

describe("the words", () => {
  it.each([
    [{ ...LIVE }, ""],
    [{ ...LIVE, heard: false, young: true }, ""],
    [{ ...LIVE, heard: false }, "The kernel is busy: the preview answers when the running cell has ended."],
    [{ ...LIVE, gone: true }, "The kernel is gone; run the cell again."],
  ])("tell what to do next: %j", (situation, said) => {
    expect(words.situationWords(situation)).toBe(said);
  });

  it.each([
    [0.1, "0.1×"],
    [1, "1×"],
    [1 / 3, "0.333×"],
    [-2, "-2×"],
  ])("call a speed of %d %s", (factor, said) => {
    expect(words.speedWords(factor)).toBe(said);
  });

  it("tell the time, for eyes and for ears", () => {
    expect(words.timeWords(3.2, 10)).toBe("3.20 / 10.00 s");
    expect(words.spokenTime(3.2, 10)).toBe("3.20 of 10.00 seconds");
  });

  it("name what is drawn, and leave out what is not known", () => {
    expect(words.detailWords(preview(), 1)).toBe("Shader · 640×360 · frame 1 · 59 fps");
    expect(words.detailWords(preview({ name: "", shownFps: 0 }), 7)).toBe("640×360 · frame 7");
  });

  it("stand in for a picture that has not come", () => {
    expect(words.waitingWords(preview(), LIVE)).toBe("Drawing the first picture…");
    expect(words.waitingWords(preview(), { ...LIVE, heard: false })).toBe("Waiting for the kernel…");
    expect(words.waitingWords(preview({ error: "x" }), LIVE)).toBe("No picture: see the error below");
  });

  it("tell of a take", () => {
    expect(words.takeWords(preview(), 3)).toBe("");
    expect(words.takeWords(preview({ taking: true }), 3.21)).toBe("● 3.2 s");
    expect(words.takeWords(preview({ take: { duration: 4.2, entries: 1 } }), 3)).toBe("take: 4.2 s");
  });

  it("speak when a state changes, of the one that matters most", () => {
    expect(words.spokenWords(preview(), LIVE)).toBe("Playing");
    expect(words.spokenWords(preview({ playing: false, taking: true }), LIVE)).toBe(
      "Paused, taking your moves",
    );
    expect(words.spokenWords(preview({ error: "x" }), LIVE)).toBe("Shader has an error");
    expect(words.spokenWords(preview({ error: "x" }), { ...LIVE, gone: true })).toContain("gone");
  });
});
