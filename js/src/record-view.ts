/**
 * The recording that was made out of a preview, beneath it: what the recording's own widget shows, but for the
 * picture, which the preview has already.
 *
 * Owns: one panel and one screen for each recording; another recording gets new ones.
 * Must not know: how a recording is started, the wire.
 */
import { make } from "./elements.ts";
import type { Film } from "./film.ts";
import type { Recording } from "./model.ts";
import { createPanel } from "./panel.ts";
import { createScreen } from "./screen.ts";
import type { Situation, Wish } from "./words.ts";

export interface RecordView {
  element: HTMLElement;
  paint(recording: Recording | null, film: Film, situation: Situation): void;
  close(): void;
}

export function createRecordView(press: (wish: Wish) => void): RecordView {
  const element = make("section", "nbpipe-made");
  element.setAttribute("aria-label", "Recording");
  let shown: {
    film: Film;
    paint: (recording: Recording, situation: Situation) => void;
    close(): void;
  } | null = null;

  function open(film: Film): NonNullable<typeof shown> {
    let last: [Recording, Situation] | null = null;
    const screen = createScreen(() => last && paint(...last));
    const panel = createPanel(press);
    element.replaceChildren(screen.element, panel.element);
    function paint(recording: Recording, situation: Situation): void {
      last = [recording, situation];
      const { status } = film;
      screen.paint(recording, status);
      screen.element.hidden = screen.unplayable || (status.kind !== "loading" && status.kind !== "here");
      panel.paint(
        recording,
        { ...situation, film: status, unplayable: screen.unplayable, beneath: true },
        screen.url,
      );
    }
    return { film, paint, close: screen.close };
  }

  return {
    element,
    paint(recording, film, situation) {
      element.hidden = recording === null;
      if (!recording) return;
      if (shown?.film !== film) {
        shown?.close();
        shown = open(film);
      }
      shown.paint(recording, situation);
    },
    close: () => shown?.close(),
  };
}
