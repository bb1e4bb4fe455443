import { describe, expect, it } from "vitest";
import {
  type Circumstances,
  clock,
  detailWords,
  fileSize,
  hintWords,
  limitWords,
  numberWords,
  rendererTitle,
  rendererWords,
  stateWords,
} from "../src/words.ts";
import { recording } from "./fakes.ts";

describe("the state", () => {
  it.each([
    [{ state: "pending" }, "Preparing…"],
    [{ state: "recording" }, "Rendering"],
    [{ state: "paused" }, "Paused at frame 120"],
    [{ state: "finishing", queued: 12 }, "Writing the last 12 frames"],
    [{ state: "finishing", queued: 1 }, "Writing the last 1 frame"],
    [{ state: "finishing", synced: true }, "Closing the file"],
    [{ state: "done" }, "Done"],
    [{ state: "stopped" }, "Stopped after 120 frames"],
    [{ state: "failed" }, "Failed"],
  ] as const)("%j reads %j", (changes, words) => {
    expect(stateWords(recording(changes), null)).toBe(words);
  });

  it("gives way to what a person just asked for, and to a kernel that is gone", () => {
    expect(stateWords(recording(), "stop")).toBe("Stopping…");
    expect(stateWords(recording(), "pause")).toBe("Pausing…");
    expect(stateWords(recording({ state: "paused" }), "resume")).toBe("Resuming…");
    expect(stateWords(recording(), "stop", true)).toBe("Disconnected");
    expect(stateWords(recording({ state: "done" }), null, true)).toBe("Done");
  });

  it("names the limit while it renders, and only then", () => {
    expect(limitWords(recording({ bottleneck: "encoding" }))).toBe("encoding is the limit");
    expect(limitWords(recording({ bottleneck: "encoding", state: "paused" }))).toBe("");
    expect(limitWords(recording())).toBe("");
  });
});

describe("the numbers", () => {
  it("say how far, how fast, how long and how large", () => {
    expect(numberWords(recording())).toBe("frame 120 / 300 · 84 fps · 0:03 left · 1.2 MB");
  });
  it("have no total and no end where there is none", () => {
    expect(numberWords(recording({ frames: null, eta: null }))).toBe("frame 120 · 84 fps · 1.2 MB");
  });
  it("leave out what is not known yet", () => {
    const early = recording({ state: "pending", frame: 0, fps: 0, eta: null, bytes: 0 });
    expect(numberWords(early)).toBe("frame 0 / 300");
  });
  it("tell how long the encoder still takes when all is drawn, and in a pause nothing", () => {
    expect(numberWords(recording({ state: "finishing", frame: 300 }))).toBe(
      "frame 300 / 300 · 0:03 left · 1.2 MB",
    );
    expect(numberWords(recording({ state: "paused" }))).toBe("frame 120 / 300 · 1.2 MB");
  });
  it("of a kernel that is gone say how far it was, and not how fast", () => {
    expect(numberWords(recording(), true)).toBe("frame 120 / 300 · 1.2 MB");
  });
  it("sum up what is over", () => {
    expect(numberWords(recording({ state: "done", frame: 300 }))).toBe(
      "300 frames in 0:02 · 84 fps · 1.2 MB",
    );
  });
  it("show a slow rate with its tenths", () => {
    expect(numberWords(recording({ fps: 0.84 }))).toContain(" 0.8 fps");
  });

  it.each([
    [0, "0:00"],
    [0.2, "0:01"],
    [59.5, "1:00"],
    [725, "12:05"],
    [3723, "1:02:03"],
  ])("%d seconds read %s", (seconds, words) => {
    expect(clock(seconds)).toBe(words);
  });

  it.each([
    [999, "999 B"],
    [1500, "2 kB"],
    [999_960, "1.0 MB"],
    [1_234_567, "1.2 MB"],
    [4_200_000_000, "4.2 GB"],
    [5e15, "5000.0 TB"],
  ])("%d bytes read %s", (size, words) => {
    expect(fileSize(size)).toBe(words);
  });
});

describe("what is being made", () => {
  it("is one line", () => {
    expect(detailWords(recording({ note: "padded" }))).toBe(
      "out.mp4 · 1280×720 · 60 fps · libx264, crf 20 · padded",
    );
  });
  it.each([
    ["24000/1001", "23.976 fps"],
    ["30/0", ""],
    ["soon", ""],
    ["", ""],
  ])("has the rate %j as %j", (rate, words) => {
    expect(detailWords(recording({ rate, encoder: "" }))).toBe(
      ["out.mp4 · 1280×720", words].filter(Boolean).join(" · "),
    );
  });
});

describe("the renderer", () => {
  it("is named without its bus and driver", () => {
    expect(rendererWords(recording())).toBe("NVIDIA H200");
    expect(rendererWords(recording({ renderer: "Mesa Intel(R) UHD 620 (KBL GT2)" }))).toBe(
      "Mesa Intel(R) UHD 620",
    );
    expect(rendererTitle(recording())).toContain("NVIDIA H200/PCIe/SSE2");
  });
  it("is called software where it is", () => {
    const software = recording({ software: true, renderer: "llvmpipe (LLVM 15.0.6, 256 bits)" });
    expect(rendererWords(software)).toBe("software: llvmpipe");
    expect(rendererTitle(software)).toContain("No GPU is used: Mesa draws on the processor");
  });
});

describe("the hint", () => {
  const usual: Circumstances = {
    gone: false,
    heard: true,
    young: false,
    film: { kind: "idle" },
    unplayable: false,
    beneath: false,
  };
  const mp4 = { bytes: 4_200_000_000, mime: "video/mp4", playable: true };

  it("is silent when all is as one expects", () => {
    expect(hintWords(recording(), usual)).toBe("");
    expect(hintWords(recording({ state: "done", video: mp4 }), usual)).toBe("");
  });
  it("sends a person to the interrupt button where the kernel hears nothing", () => {
    const deaf = { ...usual, heard: false };
    expect(hintWords(recording(), deaf)).toMatch(/hears the browser only between cells.*■ interrupt/);
    expect(hintWords(recording(), { ...deaf, young: true })).toBe("");
    expect(hintWords(recording({ state: "finishing" }), deaf)).toBe("");
  });
  it("says that the kernel is gone, unless everything is here already", () => {
    const gone = { ...usual, gone: true };
    const done = recording({ state: "done", video: mp4 });
    expect(hintWords(recording({ state: "pending", frame: 0 }), gone)).toBe(
      "The kernel is gone; run the cell again.",
    );
    expect(hintWords(recording(), gone)).toBe(
      "The kernel is gone. What was recorded is in out.mp4, or, if the kernel was killed, in a hidden .partial file beside it.",
    );
    expect(hintWords(done, gone)).toBe("The kernel is gone; run the cell again.");
    expect(hintWords(done, { ...gone, film: { kind: "here", blob: new Blob() } })).toBe("");
  });
  it("says that a preview stands still while it is recorded", () => {
    const beneath = { ...usual, beneath: true };
    expect(hintWords(recording(), beneath)).toContain("what is set now shows afterwards");
    expect(hintWords(recording({ state: "done", video: mp4 }), beneath)).toBe("");
  });
  it("names the file that cannot be played here, and why", () => {
    const done = (changes: object) =>
      recording({ state: "done", video: { ...mp4, playable: false, ...changes } });
    expect(hintWords(done({}), usual)).toBe("Too large to play here: open the file out.mp4 (4.2 GB).");
    expect(hintWords(done({ mime: "video/x-matroska" }), usual)).toMatch(
      /^Browsers do not play .* open the file out/,
    );
  });
  it("says what went wrong with the video", () => {
    const stopped = recording({ state: "stopped", video: mp4 });
    expect(hintWords(stopped, { ...usual, film: { kind: "lost", reason: "moved" } })).toContain("(moved)");
    expect(hintWords(stopped, { ...usual, unplayable: true })).toContain("This browser cannot play the file");
  });
});
