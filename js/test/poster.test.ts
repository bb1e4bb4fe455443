import { expect, it } from "vitest";
import { createPoster } from "../src/poster.ts";

it("hides the outputs with that image and with the video that has it, but no output that holds a widget of ours", () => {
  const poster = createPoster();
  poster.hide("/9j/Qm+A");
  expect(poster.element.tagName).toBe("STYLE");
  expect(poster.element.textContent).toBe(
    '.jp-OutputArea-child:has(img[src^="data:image/jpeg;base64,/9j/Qm+A"], ' +
      'video[poster^="data:image/jpeg;base64,/9j/Qm+A"]):not(:has(.nbpipe)) { display: none; }',
  );
});

it("shows it again without a mark", () => {
  const poster = createPoster();
  poster.hide("Qm");
  poster.hide("");
  expect(poster.element.textContent).toBe("");
});
