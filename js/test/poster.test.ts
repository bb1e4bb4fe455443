import { expect, it } from "vitest";
import { createPoster } from "../src/poster.ts";

it("hides the output with that image, but no output that holds a widget of ours", () => {
  const poster = createPoster();
  poster.hide("Qm+/9k==");
  expect(poster.element.tagName).toBe("STYLE");
  expect(poster.element.textContent).toBe(
    '.jp-OutputArea-child:has(img[src$="Qm+/9k=="]):not(:has(.nbpipe)) { display: none; }',
  );
});

it("shows it again without a mark", () => {
  const poster = createPoster();
  poster.hide("Qm");
  poster.hide("");
  expect(poster.element.textContent).toBe("");
});
