import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Controls, createControls } from "../src/controls.ts";
import { type Parameter, readParameters, type Value } from "../src/parameters.ts";
import { TRAITS_OF_A_PREVIEW, visibleText } from "./fakes.ts";

const usual = readParameters(TRAITS_OF_A_PREVIEW._parameters);
const withValue = (name: string, value: Value) =>
  usual.map((one) => (one.name === name ? ({ ...one, value } as Parameter) : one));

let told: [string, Value][];
let controls: Controls;
const input = (name: string) =>
  controls.element.querySelector<HTMLInputElement>(`[aria-label="${name}"]`) as HTMLInputElement;
const field = (name: string) =>
  controls.element.querySelector<HTMLInputElement>(
    `[type="number"][aria-label="${name}"]`,
  ) as HTMLInputElement;

function use(element: HTMLInputElement, value: string | boolean, ...events: string[]) {
  if (typeof value === "boolean") element.checked = value;
  else element.value = value;
  for (const event of events) element.dispatchEvent(new Event(event, { bubbles: true }));
}

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  controls = createControls((name, value) => told.push([name, value]));
  document.body.replaceChildren(controls.element);
  controls.paint(usual, true);
});
afterEach(() => vi.useRealTimers());

describe("a control", () => {
  it("shows each kind of parameter, named, and its words are text", () => {
    expect([input("gain").type, input("gain").value, field("gain").value]).toEqual(["range", "0.5", "0.5"]);
    expect([input("steps").min, input("steps").max, input("steps").step]).toEqual(["1", "64", "1"]);
    expect(input("fog").checked).toBe(true);
    expect(input("tint").value).toBe("#ff8000");
    expect([input("veil").value, input("veil, opacity").value]).toEqual(["#0000ff", "0.25"]);
    expect(["x", "y", "z"].map((axis) => input(`offset, ${axis}`).value)).toEqual(["0", "1", "2"]);
    expect(input("mode").value).toBe("1");
    expect(visibleText(controls.element)).toContain("<b>smooth</b>");
    expect(controls.element.querySelector("b")).toBeNull();
    expect(input("free").type).toBe("number");
  });

  it("sends a parameter of its kind", () => {
    use(input("gain"), "0.25", "input");
    use(field("steps"), "12", "input");
    use(input("fog"), false, "change");
    use(input("tint"), "#0000ff", "input");
    use(input("veil, opacity"), "0.5", "input");
    use(input("offset, y"), "-3.5", "input");
    use(input("offset, z"), "7", "input");
    use(input("mode"), "0", "change");
    expect(told).toEqual([
      ["gain", 0.25],
      ["steps", 12],
      ["fog", false],
      ["tint", [0, 0, 1]],
      ["veil", [0, 0, 1, 0.5]],
      ["offset", [0, -3.5, 2]],
      ["offset", [0, -3.5, 7]],
      ["mode", 0],
    ]);
  });

  it("sends no half a number, and none beyond the limits", () => {
    for (const text of ["", "-", "65", "0"]) use(field("steps"), text, "input");
    expect(told).toEqual([]);
  });

  it("moves slider and field together, in steps that a person can read", () => {
    use(input("gain"), "0.123456789", "input");
    expect([told[0]?.[1], field("gain").value]).toEqual([0.123, "0.123"]);
    use(field("gain"), "0.75", "input");
    expect(input("gain").value).toBe("0.75");
  });

  it("can be nothing but looked at without the kernel", () => {
    controls.paint(usual, false);
    expect(controls.element.querySelectorAll("input:not(:disabled), select:not(:disabled)")).toHaveLength(0);
  });

  it("shows no list for a scene without parameters", () => {
    controls.paint([], true);
    expect(controls.element.hidden).toBe(true);
  });
});

describe("values from Python", () => {
  it("show, without new elements", () => {
    const before = input("gain");
    controls.paint(withValue("gain", 0.9), true);
    expect(before.value).toBe("0.9");
    expect(input("gain")).toBe(before);
  });

  it("do not move a control that a person holds, and count again when it is let go", () => {
    use(input("gain"), "0.7", "input");
    use(input("gain"), "0.8", "input");
    controls.paint(withValue("gain", 0.7), true);
    vi.advanceTimersByTime(10_000);
    expect(input("gain").value).toBe("0.8");
    use(input("gain"), "0.8", "change");
    controls.paint(withValue("gain", 0.7), true);
    expect(input("gain").value).toBe("0.8");
    controls.paint(withValue("gain", 0.8), true);
    controls.paint(withValue("gain", 0.1), true);
    expect(input("gain").value).toBe("0.1");
  });

  it("do not rewrite a field that a person types in", () => {
    field("free").focus();
    use(field("free"), "3.50", "input");
    controls.paint(withValue("free", 3.5), true);
    expect(field("free").value).toBe("3.50");
  });

  it("bring other controls with another scene", () => {
    controls.paint(usual.slice(0, 1), true);
    expect(controls.element.childElementCount).toBe(1);
    use(input("gain"), "1", "input");
    expect(told).toEqual([["gain", 1]]);
  });
});
