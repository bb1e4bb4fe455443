import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Preview, readPreview, type Setting } from "../src/preview-model.ts";
import { createResizer, type Resizer, type Size } from "../src/resizer.ts";
import { createTransport, type Transport } from "../src/transport.ts";
import { act, FakeModel, TRAITS_OF_A_PREVIEW } from "./fakes.ts";

const preview = (changes: Partial<Preview> = {}): Preview => ({
  ...readPreview(new FakeModel({}, TRAITS_OF_A_PREVIEW)),
  ...changes,
});

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the transport bar", () => {
  let asked: (Setting | number)[];
  let transport: Transport;
  const timeline = () => transport.timeline as HTMLInputElement;
  const clock = () => transport.element.querySelector(".nbpipe-clock")?.textContent;
  const speed = () => transport.element.querySelector("select") as HTMLSelectElement;
  const press = (name: string) =>
    transport.element.querySelector<HTMLButtonElement>(`button[aria-label="${name}"]`)?.click();
  const paint = (changes: Partial<Preview> = {}) => transport.paint(preview(changes), true);
  function scrub(to: number, event = "input") {
    timeline().value = String(to);
    act(timeline(), event);
  }

  beforeEach(() => {
    asked = [];
    transport = createTransport({ set: (setting) => asked.push(setting), step: (by) => asked.push(by) });
    paint();
  });

  it("shows the time, and says it to a screen reader", () => {
    expect([clock(), timeline().max, timeline().value]).toEqual(["3.20 / 10.00 s", "10", "3.2"]);
    expect(timeline().getAttribute("aria-valuetext")).toBe("3.20 of 10.00 seconds");
    transport.tick(4.5);
    expect([clock(), timeline().value]).toEqual(["4.50 / 10.00 s", "4.5"]);
  });

  it("plays, pauses, steps and loops", () => {
    press("Pause");
    press("Play"); // Shown before the kernel has answered.
    press("Step back");
    press("Step forward");
    press("Loop");
    expect(asked).toEqual([
      { name: "playing", value: false },
      { name: "playing", value: true },
      -1,
      1,
      { name: "loop", value: false },
    ]);
  });

  it("plays and pauses with the space bar on the time line", () => {
    expect(act(timeline(), "keydown", { key: " " }).defaultPrevented).toBe(true);
    act(timeline(), "keydown", { key: " ", repeat: true });
    expect(asked).toEqual([{ name: "playing", value: false }]);
  });

  it("goes where it is scrubbed, and the kernel's older times do not move it", () => {
    scrub(6);
    scrub(8);
    expect(asked).toEqual([
      { name: "time", value: 6 },
      { name: "time", value: 8 },
    ]);
    transport.tick(3.3);
    expect(clock()).toBe("8.00 / 10.00 s");
    scrub(8, "change");
    transport.tick(6);
    expect(timeline().value).toBe("8");
    transport.tick(8.1);
    transport.tick(8.2);
    expect(clock()).toBe("8.20 / 10.00 s");
  });

  it("stays where an arrow key put it while pictures from before still come, so that the next goes on from there", () => {
    press("Pause");
    paint({ playing: false });
    scrub(3.3);
    scrub(3.3, "change");
    transport.tick(3.2);
    expect(timeline().value).toBe("3.3");
    transport.tick(3.3000004); // As the kernel rounds it.
    transport.tick(5); // Python has set it.
    expect(timeline().value).toBe("5");
  });

  it("shows the frame that was stepped to, though the time before it was never answered", () => {
    paint({ playing: false });
    scrub(6);
    scrub(6, "change");
    press("Step forward");
    transport.tick(6.0333);
    expect(timeline().value).toBe("6.0333");
  });

  it("has the usual speeds, and shows whatever speed Python set", () => {
    const speeds = () => [...speed().options].map(({ textContent }) => textContent);
    expect(speeds()).toEqual(["0.1×", "0.25×", "0.5×", "1×", "2×", "4×"]);
    paint({ speed: 1.5 });
    expect(speeds()).toEqual(["0.1×", "0.25×", "0.5×", "1×", "1.5×", "2×", "4×"]);
    expect(speed().value).toBe("1.5");
    speed().value = "2";
    act(speed(), "change");
    expect(asked).toEqual([{ name: "speed", value: 2 }]);
    paint({ speed: 2 });
    expect(speeds()).not.toContain("1.5×");
  });

  it("can only be looked at without the kernel", () => {
    transport.paint(preview(), false);
    press("Pause");
    expect(timeline().disabled).toBe(true);
    expect(asked).toEqual([]);
  });
});

describe("the corner", () => {
  let asked: Size[];
  let resizer: Resizer;
  let handle: HTMLButtonElement;
  const outline = () => resizer.element.querySelector<HTMLElement>(".nbpipe-outline") as HTMLElement;
  const pull = (type: string, clientX: number, clientY: number) => act(handle, type, { clientX, clientY });

  /** A picture of 640 × 360 that appears half as large. */
  beforeEach(() => {
    asked = [];
    const picture = document.createElement("canvas");
    picture.getBoundingClientRect = () => new DOMRect(0, 0, 320, 180);
    resizer = createResizer(picture, (size) => asked.push(size));
    handle = resizer.element.querySelector("button") as HTMLButtonElement;
    handle.setPointerCapture = () => {};
    resizer.paint([640, 360], true);
  });

  it("is pulled to a size that an outline shows, asked for five times a second and at the end", () => {
    pull("pointerdown", 320, 180);
    for (let at = 1; at <= 40; at += 1) {
      pull("pointermove", 320 + at, 180);
      vi.advanceTimersByTime(25);
    }
    expect(outline().hidden).toBe(false);
    expect(outline().textContent).toBe("720 × 360");
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(5);
    pull("pointermove", 330, 200);
    act(handle, "lostpointercapture");
    expect(asked.at(-1)).toEqual([660, 400]);
    expect(outline().hidden).toBe(true);
    const before = asked.length;
    vi.advanceTimersByTime(1000);
    expect(asked).toHaveLength(before);
  });

  it("asks for nothing when it was only pressed", () => {
    pull("pointerdown", 320, 180);
    act(handle, "lostpointercapture");
    expect(asked).toEqual([]);
  });

  it("asks for even sizes, as most video formats need", () => {
    pull("pointerdown", 0, 0);
    pull("pointermove", 0.5, 1.4);
    act(handle, "lostpointercapture");
    expect(asked).toEqual([[642, 362]]);
  });

  it("never asks for less than 16 or more than 4096 pixels", () => {
    pull("pointerdown", 0, 0);
    pull("pointermove", -1e6, 1e6);
    act(handle, "lostpointercapture");
    expect(asked).toEqual([[16, 4096]]);
  });

  it("is moved by the arrow keys, further with Shift", () => {
    act(handle, "keydown", { key: "ArrowRight" });
    resizer.paint([640, 360], true); // The kernel has not got it yet.
    act(handle, "keydown", { key: "ArrowUp", shiftKey: true });
    act(handle, "keydown", { key: "x" });
    expect(asked).toEqual([
      [656, 360],
      [656, 296],
    ]);
    expect(handle.getAttribute("aria-label")).toContain("656 by 296 pixels");
    resizer.paint([656, 296], true);
    resizer.paint([640, 296], true); // Somebody else has set it.
    act(handle, "keydown", { key: "ArrowRight" });
    expect(asked.at(-1)).toEqual([656, 296]);
  });

  it("leaves no timer behind", () => {
    pull("pointerdown", 0, 0);
    pull("pointermove", 10, 10);
    resizer.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
