/**
 * The two buttons that make something last: Record and Take.
 *
 * Owns: those elements, and the seconds that run while moves are taken.
 * Must not know: the wording (preview-words.ts), the wire (a press is a call).
 */
import { make, makeButton, write } from "./elements.ts";
import { Hold } from "./hold.ts";
import type { Preview } from "./preview-model.ts";
import { takeWords } from "./preview-words.ts";
import { isActive } from "./words.ts";

/** Milliseconds between two paintings of the seconds. */
const TICK = 100;

export interface Actions {
  element: HTMLElement;
  /** `takingSince`: in milliseconds of `performance.now()`. */
  paint(preview: Preview, usable: boolean, takingSince: number): void;
  close(): void;
}

export interface ActionUse {
  record(): void;
  take(on: boolean): void;
}

export function createActions({ record, take }: ActionUse): Actions {
  const length = make("span", "nbpipe-length");
  const takeButton = makeButton("Take", "take");
  takeButton.title = "Record what you do with the controls, the pointer and the time";
  takeButton.setAttribute("aria-pressed", "false");
  const recordButton = makeButton("Record", "record");
  recordButton.title = "Make a video of the scene as it is now";
  recordButton.classList.add("nbpipe-record");
  const element = make("div", "nbpipe-buttons", length, takeButton, recordButton);

  let timer: ReturnType<typeof setInterval> | undefined;
  let usable = false;
  const taking = new Hold<boolean>((now) => takeButton.setAttribute("aria-pressed", String(now)));
  /** From the press until the kernel shows a recording. */
  const recording = new Hold<boolean>((now) => {
    recordButton.disabled = now || !usable;
  });

  takeButton.addEventListener("click", () => {
    const on = takeButton.getAttribute("aria-pressed") !== "true";
    taking.want(on);
    take(on);
  });
  recordButton.addEventListener("click", () => {
    recording.want(true);
    record();
  });

  return {
    element,
    paint(preview, works, takingSince) {
      usable = works;
      takeButton.disabled = !works;
      taking.say(preview.taking);
      recording.say(preview.record !== null && isActive(preview.record));
      if (!works) recordButton.disabled = true;
      const tell = () => write(length, takeWords(preview, (performance.now() - takingSince) / 1000));
      clearInterval(timer);
      timer = preview.taking ? setInterval(tell, TICK) : undefined;
      length.classList.toggle("nbpipe-taking", preview.taking);
      tell();
    },
    close() {
      clearInterval(timer);
      taking.close();
      recording.close();
    },
  };
}
