/**
 * The live picture of one view: a canvas in a box of the scene's shape, and a corner to pull.
 *
 * Owns: the box, the canvas that has the focus while a person plays with the scene, and the caption before the
 * first picture. Must not know: where pictures come from, what is done with events.
 */
import { make, write } from "./elements.ts";
import type { Picture } from "./frames.ts";
import type { Preview } from "./preview-model.ts";
import { createResizer, type Size } from "./resizer.ts";
import { drawOn } from "./screen.ts";

export interface Stage {
  element: HTMLElement;
  canvas: HTMLCanvasElement;
  /** Something can be seen. */
  readonly lit: boolean;
  draw(picture: Picture): void;
  paint(preview: Preview, caption: string, usable: boolean): void;
  close(): void;
}

/** `resize` is called with what the picture's size should become. */
export function createStage(resize: (size: Size) => void): Stage {
  const canvas = make("canvas");
  canvas.tabIndex = 0;
  // A screen reader keeps no key of an application for itself; those of an image it would.
  canvas.setAttribute("role", "application");
  // Plain keys go to the scene: JupyterLab has shortcuts on them, one of which deletes the cell.
  canvas.dataset.lmSuppressShortcuts = "true";
  const caption = make("div", "nbpipe-caption");
  const resizer = createResizer(canvas, resize);
  const box = make("div", "nbpipe-box", canvas, caption, resizer.element);
  const element = make("div", "nbpipe-stage", box);
  let lit = false;

  return {
    element,
    canvas,
    get lit() {
      return lit;
    },
    draw(picture) {
      drawOn(canvas, picture);
      lit = true;
      element.classList.add("nbpipe-lit");
    },
    paint({ name, size }, words, usable) {
      const [width, height] = size;
      box.style.setProperty("--nbpipe-aspect", String(width / height));
      box.style.setProperty("--nbpipe-across", `${width}px`);
      canvas.setAttribute("aria-label", `Live picture of ${name || "the scene"}. Escape leaves it.`);
      write(caption, lit ? "" : words);
      resizer.paint(size, usable);
    },
    close: resizer.close,
  };
}
