import { expect, it } from "vitest";
import { createPoster } from "../src/poster.ts";

it("hides that image and the video that has it, and their outputs, but no output that holds a widget of ours", () => {
  const poster = createPoster();
  poster.hide("/9j/Qm+A");
  expect(poster.element.tagName).toBe("STYLE");
  const kept =
    ':is(img[src^="data:image/jpeg;base64,/9j/Qm+A"], video[poster^="data:image/jpeg;base64,/9j/Qm+A"])';
  expect(poster.element.textContent).toBe(
    `.jp-OutputArea-child:has(${kept}):not(:has(.nbpipe)), :root body ${kept} { display: none !important; }`,
  );
});

it("shows it again without a mark", () => {
  const poster = createPoster();
  poster.hide("Qm");
  poster.hide("");
  expect(poster.element.textContent).toBe("");
});
