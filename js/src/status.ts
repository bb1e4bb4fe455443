/**
 * The lines of a preview that only tell: numbers, chips, what is wrong, and the voice for a screen reader.
 *
 * Owns: those elements. Must not know: the wording (preview-words.ts), where the numbers come from.
 */
import { make, write } from "./elements.ts";
import type { Preview } from "./preview-model.ts";
import { detailWords, situationWords, spokenWords, streamTitle, streamWords } from "./preview-words.ts";
import { rendererTitle, rendererWords, type Situation } from "./words.ts";

export interface Status {
  element: HTMLElement;
  paint(preview: Preview, situation: Situation): void;
  /** The scene's frame that has just been shown. */
  tick(frame: number): void;
}

/** `more`: a chip of somebody else's, the first of them. */
export function createStatus(more: HTMLElement): Status {
  const details = make("span", "nbpipe-details");
  const stream = make("span", "nbpipe-chip");
  const renderer = make("span", "nbpipe-chip");
  const footer = make("div", "nbpipe-footer", details, make("span", "nbpipe-chips", more, stream, renderer));
  const hint = make("div", "nbpipe-hint");
  const error = make("pre", "nbpipe-error");
  error.tabIndex = 0; // It scrolls, so a keyboard must be able to reach it.
  error.setAttribute("aria-label", "Error");
  const spoken = make("span", "nbpipe-spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  const element = make("div", "nbpipe-status", footer, hint, error, spoken);
  let latest: Preview | null = null;

  function tick(frame: number): void {
    if (latest) write(details, detailWords(latest, frame));
  }

  return {
    element,
    tick,
    paint(preview, situation) {
      latest = preview;
      tick(preview.frame);
      write(stream, streamWords(preview.stream));
      stream.title = streamTitle(preview.stream);
      write(renderer, rendererWords(preview));
      renderer.title = rendererTitle(preview);
      renderer.classList.toggle("nbpipe-amber", preview.software);
      write(hint, situationWords(situation));
      write(error, preview.error);
      const words = spokenWords(preview, situation);
      if (spoken.textContent !== words) spoken.textContent = words;
    },
  };
}
