import { beforeEach, describe, expect, it } from "vitest";
import type { Recording } from "../src/model.ts";
import { createPanel, type Panel } from "../src/panel.ts";
import type { Circumstances } from "../src/words.ts";
import { button, recording, rests, visibleText } from "./fakes.ts";

const USUAL: Circumstances = {
  gone: false,
  heard: true,
  young: false,
  film: { kind: "idle" },
  unplayable: false,
  beneath: false,
};

let pressed: string[];
let panel: Panel;
const paint = (changes: Partial<Recording> = {}, circumstances = {}, url: string | null = null) =>
  panel.paint(recording(changes), { ...USUAL, ...circumstances }, url);
const press = (name: string) => button(panel.element, name)?.click();
const bar = () => panel.element.querySelector('[role="progressbar"]');
const spoken = () => panel.element.querySelector('[role="status"]')?.textContent;

beforeEach(() => {
  pressed = [];
  panel = createPanel((wish) => pressed.push(wish));
});

describe("a recording under way", () => {
  it("shows state, limit, numbers, details and renderer", () => {
    paint({ bottleneck: "encoding" });
    const text = visibleText(panel.element);
    expect(text).toContain("Rendering encoding is the limit");
    expect(text).toContain("frame 120 / 300 · 84 fps");
    expect(text).toContain("out.mp4 · 1280×720");
    expect(text).toContain("NVIDIA H200");
  });

  it("says its progress to a screen reader", () => {
    paint();
    expect(bar()?.getAttribute("aria-valuenow")).toBe("40");
    expect(bar()?.getAttribute("aria-valuetext")).toBe("frame 120 of 300");
    paint({ frames: null });
    expect(bar()?.hasAttribute("aria-valuenow")).toBe(false);
    paint({ frames: null, state: "done" });
    expect(bar()?.getAttribute("aria-valuenow")).toBe("100");
  });

  it("keeps the focus when the button that has it goes, and takes it from nobody else", () => {
    document.body.append(panel.element);
    paint();
    button(panel.element, "Stop")?.focus();
    paint({ state: "finishing" });
    expect(document.activeElement).toBe(panel.element.querySelector(".nbpipe-state"));
    const other = document.body.appendChild(document.createElement("button"));
    paint();
    other.focus();
    paint({ state: "done" });
    expect(document.activeElement).toBe(other);
    document.body.replaceChildren();
  });

  it("warns of a software renderer, and of no other", () => {
    paint({ software: true, renderer: "llvmpipe (LLVM 15)" });
    const chip = panel.element.querySelector<HTMLElement>(".nbpipe-amber");
    expect(chip?.textContent).toBe("software: llvmpipe");
    expect(chip?.title).toContain("No GPU is used");
    paint();
    expect(panel.element.querySelector(".nbpipe-amber")).toBeNull();
  });

  it("speaks when the state changes, not at every frame", () => {
    paint({ state: "finishing", queued: 12 });
    paint({ state: "finishing", queued: 11 });
    expect(visibleText(panel.element)).toContain("Writing the last 11 frames");
    expect(spoken()).toBe("Writing the last 12 frames");
    paint({ state: "finishing", synced: true });
    expect(spoken()).toBe("Closing the file");
  });
});

describe("the buttons", () => {
  it("are real buttons", () => {
    paint();
    expect(button(panel.element, "Stop")).toMatchObject({
      tagName: "BUTTON",
      type: "button",
      disabled: false,
    });
  });

  it("stop, once", () => {
    paint();
    press("Stop");
    press("Stop");
    press("Pause");
    expect(pressed).toEqual(["stop"]);
    expect(visibleText(panel.element)).toContain("Stopping…");
    paint({ frame: 121 });
    expect(visibleText(panel.element)).toContain("Stopping…");
    paint({ state: "paused" });
    expect(visibleText(panel.element)).toContain("Stopping…");
    paint({ state: "finishing" });
    expect(visibleText(panel.element)).toContain("Writing the last");
    expect(button(panel.element, "Stop")).toBeNull();
  });

  it("pause and resume, each until the kernel answers", () => {
    paint();
    press("Pause");
    expect(visibleText(panel.element)).toContain("Pausing…");
    expect(rests(button(panel.element, "Pause"))).toBe(true);
    expect(rests(button(panel.element, "Stop"))).toBe(false);
    press("Pause");
    paint({ state: "paused" });
    expect(visibleText(panel.element)).toContain("Paused at frame 120");
    press("Resume");
    expect(visibleText(panel.element)).toContain("Resuming…");
    paint();
    expect(rests(button(panel.element, "Pause"))).toBe(false);
    expect(pressed).toEqual(["pause", "resume"]);
  });

  it("keep their place, disabled, until the kernel has had time to answer", () => {
    paint({ state: "pending" });
    expect(button(panel.element, "Stop")?.disabled).toBe(true);
    paint({}, { heard: false, young: true });
    expect(button(panel.element, "Stop")?.disabled).toBe(true);
    press("Stop");
    expect(pressed).toEqual([]);
  });

  it("go where the kernel hears nothing, and come when it does", () => {
    paint({}, { heard: false });
    expect(button(panel.element, "Stop")).toBeNull();
    expect(button(panel.element, "Pause")).toBeNull();
    expect(visibleText(panel.element)).toContain("■ interrupt");
    paint({}, { heard: true });
    expect(button(panel.element, "Stop")?.disabled).toBe(false);
    expect(visibleText(panel.element)).not.toContain("■ interrupt");
  });

  it("are dead when the kernel is", () => {
    paint();
    paint({}, { gone: true });
    press("Stop");
    expect(pressed).toEqual([]);
    expect(button(panel.element, "Stop")?.disabled).toBe(true);
    expect(visibleText(panel.element)).toContain("The kernel is gone. What was recorded is in ");
    expect(spoken()).toContain("The kernel is gone");
  });

  it("offer the file when it is here", () => {
    paint({ state: "done" });
    expect(button(panel.element, "Download")).toBeNull();
    paint({ state: "done" }, {}, "blob:x");
    expect(button(panel.element, "Download")).toMatchObject({ href: "blob:x", download: "out.mp4" });
    expect(button(panel.element, "Stop")).toBeNull();
  });
});

describe("text from the kernel", () => {
  const payload = "<img src=x onerror=alert(1)><script>alert(2)</script>";

  it("is shown as text, whatever it says", () => {
    const everywhere = { error: payload, name: payload, renderer: payload, encoder: payload, note: payload };
    paint({ state: "failed", ...everywhere, bottleneck: payload, rate: payload });
    expect(panel.element.querySelector("img, script")).toBeNull();
    expect(panel.element.querySelector("pre")?.textContent).toBe(payload);
    expect(visibleText(panel.element)).toContain(payload);
  });

  it("of an error is there only when it failed", () => {
    paint({ error: "old" });
    expect(visibleText(panel.element)).not.toContain("old");
    paint({ state: "failed", error: "line 1\nline 2" });
    expect(visibleText(panel.element)).toContain("Failed");
    expect(visibleText(panel.element)).toContain("line 1\nline 2");
  });
});
