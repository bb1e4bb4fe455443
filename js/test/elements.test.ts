import { expect, it } from "vitest";
import { icon, make } from "../src/elements.ts";

it("makes text of markup", () => {
  const element = make("p", "note", "<img src=x onerror=alert(1)>", make("b"));
  expect(element.className).toBe("note");
  expect(element.querySelector("img")).toBeNull();
  expect(element.textContent).toContain("<img");
  expect(element.lastElementChild?.tagName).toBe("B");
});

it("draws icons that a screen reader passes over", () => {
  const drawing = icon("stop");
  expect(drawing.getAttribute("aria-hidden")).toBe("true");
  expect(drawing.firstElementChild?.getAttribute("d")).toMatch(/^M/);
});
