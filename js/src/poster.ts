/**
 * Hides the poster while the live widget is there.
 *
 * A recording leaves a still image as a separate output, and a small video as another, so that a saved notebook,
 * GitHub and nbconvert show something. Beside the living widget it would be the same picture twice. A style rule
 * inside the view hides them, and goes when the view goes; nothing in the notebook's document is changed.
 * Owns: that rule. Must not know: anything else on the page.
 */
import { make } from "./elements.ts";

export interface Poster {
  element: HTMLStyleElement;
  /** `mark`: how the image's base64 data begins, checked by the contract; empty for no poster. */
  hide(mark: string): void;
}

export function createPoster(): Poster {
  const element = make("style");
  return {
    element,
    hide(mark) {
      const rule = mark ? ruleFor(mark) : "";
      if (element.textContent !== rule) element.textContent = rule;
    },
  };
}

/**
 * The pictures go wherever they stand, and with the space around them where that is known: but never an area that holds
 * a widget of ours too, as an Output widget around both does.
 */
function ruleFor(mark: string): string {
  const begins = `^="data:image/jpeg;base64,${mark}"`;
  const kept = `:is(img[src${begins}], video[poster${begins}])`;
  const area = `.jp-OutputArea-child:has(${kept}):not(:has(.nbpipe))`;
  return `${area}, :root body ${kept} { display: none !important; }`;
}
