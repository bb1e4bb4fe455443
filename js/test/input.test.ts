import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ViewEvent } from "../src/events.ts";
import { watchInput } from "../src/input.ts";
import { act, fakeScreenTime } from "./fakes.ts";

let canvas: HTMLCanvasElement;
let time: ReturnType<typeof fakeScreenTime>;
let messages: (readonly ViewEvent[])[];
let stop: () => void;
const events = () => messages.flat();
const types = () => events().map(({ type }) => type);

/** A picture of 640 × 360 that appears half as large, at (10, 20) of the page. */
beforeEach(() => {
  time = fakeScreenTime();
  messages = [];
  canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setPointerCapture = vi.fn();
  canvas.getBoundingClientRect = () => new DOMRect(10, 20, 320, 180);
  document.body.replaceChildren(canvas);
  stop = watchInput(
    canvas,
    () => [640, 360],
    (some) => messages.push(some),
  );
});

afterEach(() => stop());

function press(fields: Record<string, unknown> = {}) {
  return act(canvas, "pointerdown", { buttons: 1, clientX: 110, clientY: 70, ...fields });
}

describe("the pointer", () => {
  it("tells of a press as the specification has it, in pixels of the picture", () => {
    canvas.focus();
    messages = [];
    const event = press({ ctrlKey: true, shiftKey: true });
    expect(events()).toEqual([
      {
        type: "pointer_down",
        x: 200,
        y: 100,
        button: 1,
        buttons: [1],
        modifiers: ["Shift", "Control"],
        ntouches: 0,
        touches: {},
        timestamp: event.timeStamp / 1000,
      },
    ]);
    expect(canvas.setPointerCapture).toHaveBeenCalledWith(1);
  });

  it("takes the focus back from a host that gives it elsewhere, but from nobody else", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const other = document.createElement("input");
    document.body.append(other);
    press();
    other.focus(); // As VS Code does.
    vi.advanceTimersByTime(50);
    expect(document.activeElement).toBe(canvas);
    other.focus();
    vi.advanceTimersByTime(250);
    expect(document.activeElement).toBe(canvas);
    for (const leave of [() => act(other, "pointerdown"), () => act(canvas, "keydown", { key: "Tab" })]) {
      press();
      leave();
      other.focus();
      vi.advanceTimersByTime(1000);
      expect(document.activeElement).toBe(other);
    }
    vi.useRealTimers();
  });

  it("gives the picture the focus, before the press is told", () => {
    press();
    expect(document.activeElement).toBe(canvas);
    expect(types()).toEqual(["focus_in", "pointer_down"]);
  });

  it.each([
    [1, [1]],
    [2, [2]],
    [4, [3]],
    [8, [4]],
    [16, [5]],
  ])("names the buttons of mask %i: %j", (mask, buttons) => {
    press({ buttons: mask });
    expect(events().at(-1)).toMatchObject({ button: buttons[0], buttons });
  });

  it("tells of a second button, which browsers hide in a move, and of each that goes up", () => {
    press();
    act(canvas, "pointermove", { buttons: 3 });
    act(canvas, "pointermove", { buttons: 2 });
    act(canvas, "pointerup", { buttons: 0 });
    const told = events()
      .slice(1)
      .map((event) => "button" in event && [event.type, event.button, event.buttons]);
    expect(told).toEqual([
      ["pointer_down", 1, [1]],
      ["pointer_down", 2, [1, 2]],
      ["pointer_up", 1, [2]],
      ["pointer_up", 2, []],
    ]);
  });

  it("tells its moves once per animation frame, and the newest place", () => {
    for (const clientX of [10, 11, 12]) act(canvas, "pointermove", { clientX, clientY: 20 });
    expect(messages).toEqual([]);
    time.animate();
    expect(events()).toMatchObject([{ type: "pointer_move", x: 4, y: 0, button: 0, buttons: [] }]);
    time.animate();
    expect(messages).toHaveLength(1);
  });

  it("tells a move that waits before the press that came after it", () => {
    canvas.focus();
    messages = [];
    act(canvas, "pointermove", { clientX: 50 });
    press();
    expect(types()).toEqual(["pointer_move", "pointer_down"]);
    time.animate();
    expect(messages).toHaveLength(1);
  });

  it("may leave the picture while a button is down", () => {
    press();
    act(canvas, "pointermove", { buttons: 1, clientX: 0, clientY: 0 });
    time.animate();
    expect(events().at(-1)).toMatchObject({ x: -20, y: -40, buttons: [1] });
  });

  it("enters and leaves", () => {
    act(canvas, "pointerenter");
    act(canvas, "pointerleave");
    expect(events()).toEqual([
      { type: "pointer_enter", timestamp: expect.any(Number) },
      { type: "pointer_leave", timestamp: expect.any(Number) },
    ]);
  });

  it.each(["pointercancel", "blur of the window"])("lets everything go at %s", (cause) => {
    act(canvas, "pointerenter");
    press({ buttons: 3 });
    messages = [];
    if (cause === "pointercancel") act(canvas, "pointercancel");
    else act(window, "blur");
    const ups = events().filter(({ type }) => type === "pointer_up");
    expect(ups).toMatchObject([
      { button: 1, buttons: [2], x: 200, y: 100 },
      { button: 2, buttons: [] },
    ]);
    expect(types().includes("pointer_leave")).toBe(cause !== "pointercancel");
    messages = [];
    act(canvas, "pointerup");
    expect(messages).toEqual([]);
  });

  it("may be several fingers, of which the first is the pointer", () => {
    const finger = (id: number, clientX: number) => ({
      pointerId: id,
      pointerType: "touch",
      clientX,
      clientY: 20,
    });
    act(canvas, "pointerdown", { ...finger(7, 10), buttons: 1 });
    act(canvas, "pointerdown", { ...finger(8, 60), buttons: 1 });
    time.animate();
    expect(types()).toEqual(["focus_in", "pointer_down", "pointer_move"]);
    expect(events().at(-1)).toMatchObject({
      ...{ x: 0, buttons: [1], ntouches: 2 },
      touches: { 7: { x: 0, y: 0, pressure: 0.5 }, 8: { x: 100, y: 0, pressure: 0.5 } },
    });
    act(canvas, "pointerup", finger(8, 60));
    act(canvas, "pointerup", finger(7, 10));
    expect(events().at(-1)).toMatchObject({ type: "pointer_up", button: 1, ntouches: 0, touches: {} });
  });

  it("double-clicks", () => {
    act(canvas, "dblclick", { clientX: 110, clientY: 70 });
    expect(events()).toMatchObject([{ type: "double_click", x: 200, y: 100, button: 1, buttons: [] }]);
  });

  it("has the right button to itself, but with Shift the browser's menu comes", () => {
    expect(act(canvas, "contextmenu").defaultPrevented).toBe(true);
    expect(act(canvas, "contextmenu", { shiftKey: true }).defaultPrevented).toBe(false);
  });
});

describe("the wheel", () => {
  it("scrolls the page while the picture has not the focus", () => {
    expect(act(canvas, "wheel", { deltaY: 100 }).defaultPrevented).toBe(false);
    time.animate();
    expect(messages).toEqual([]);
  });

  it("adds up until the next animation frame, in pixels whatever its unit", () => {
    canvas.focus();
    messages = [];
    expect(act(canvas, "wheel", { deltaX: 5, deltaY: 100 }).defaultPrevented).toBe(true);
    act(canvas, "wheel", { deltaY: 3, deltaMode: 1, clientX: 110, clientY: 70 });
    time.animate();
    expect(events()).toMatchObject([{ type: "wheel", dx: 5, dy: 199, x: 200, y: 100, buttons: [] }]);
  });
});

describe("the keys", () => {
  beforeEach(() => {
    canvas.focus();
    messages = [];
  });

  it("are told by the browser's names, once while they are held; the characters repeat", () => {
    act(canvas, "keydown", { key: "A", code: "KeyA", shiftKey: true });
    act(canvas, "keydown", { key: "A", code: "KeyA", shiftKey: true, repeat: true });
    act(canvas, "keyup", { key: "a", code: "KeyA" });
    expect(events()).toMatchObject([
      { type: "key_down", key: "A", modifiers: ["Shift"] },
      { type: "char", data: "A", input_type: "insertText", repeat: false },
      { type: "char", data: "A", repeat: true },
      { type: "key_up", key: "A", modifiers: [] },
    ]);
    act(canvas, "keydown", { key: "ArrowUp", code: "ArrowUp" });
    act(canvas, "keydown", { key: "c", code: "KeyC", ctrlKey: true });
    expect(events().slice(4)).toMatchObject([{ type: "key_down" }, { type: "key_down" }]);
  });

  it("stay here, and do not scroll the page", () => {
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside, { once: true });
    const event = act(canvas, "keydown", { key: "d", code: "KeyD" });
    expect(event.defaultPrevented).toBe(true);
    expect(outside).not.toHaveBeenCalled();
    expect(act(canvas, "keydown", { key: "r", code: "KeyR", ctrlKey: true }).defaultPrevented).toBe(false);
  });

  it("Tab and Escape leave", () => {
    expect(act(canvas, "keydown", { key: "Tab", code: "Tab" }).defaultPrevented).toBe(false);
    expect(messages).toEqual([]);
    act(canvas, "keydown", { key: "Escape", code: "Escape" });
    expect(document.activeElement).not.toBe(canvas);
    expect(types()).toEqual(["key_down", "key_up", "focus_out"]);
  });

  it("go up when the focus goes", () => {
    act(canvas, "keydown", { key: "w", code: "KeyW" });
    canvas.blur();
    expect(events().slice(2)).toMatchObject([{ type: "key_up", key: "w" }, { type: "focus_out" }]);
  });

  it("go up with Meta, since macOS tells of no others while it is down", () => {
    act(canvas, "keydown", { key: "Meta", code: "MetaLeft", metaKey: true });
    act(canvas, "keydown", { key: "z", code: "KeyZ", metaKey: true });
    act(canvas, "keyup", { key: "Meta", code: "MetaLeft" });
    expect(events().slice(2)).toMatchObject([
      { type: "key_up", key: "Meta" },
      { type: "key_up", key: "z" },
    ]);
  });
});

it("never sends more than 64 events at once", () => {
  for (let turn = 0; turn < 100; turn += 1) act(canvas, "pointermove", { shiftKey: turn % 2 === 0 });
  time.animate();
  expect(messages.map(({ length }) => length)).toEqual([64, 36]);
});

it("is silent when it has been stopped", () => {
  act(canvas, "pointermove");
  stop();
  press();
  act(window, "blur");
  time.animate();
  expect(messages).toEqual([]);
});
