/**
 * What makes something last: Record, Take, and what lets go of a take.
 *
 * Owns: those elements, and the seconds that run while moves are taken.
 * Must not know: the wording (preview-words.ts), the wire (a press is a call).
 */
import { make, makeButton, makeIconButton, onPress, rest, write } from "./elements.ts";
import { Hold } from "./hold.ts";
import type { Preview } from "./preview-model.ts";
import { recordTitle, recordWords, takeWords } from "./preview-words.ts";
import { isActive } from "./words.ts";

/** Milliseconds between two paintings of the seconds. */
const TICK = 100;

export interface Actions {
  element: HTMLElement;
  /** The take there is, or that is being made. Not beside the buttons, which it would push away as it comes and goes. */
  taken: HTMLElement;
  /** `takingSince`: in milliseconds of `performance.now()`. */
  paint(preview: Preview, usable: boolean, takingSince: number): void;
  close(): void;
}

export interface ActionUse {
  record(): void;
  take(on: boolean): void;
  drop(): void;
}

export function createActions({ record, take, drop }: ActionUse): Actions {
  const length = make("span");
  const dropButton = makeIconButton("Drop the take", "drop");
  dropButton.classList.add("nbpipe-drop");
  const taken = make("span", "nbpipe-chip nbpipe-taken", length, dropButton);
  const takeButton = makeButton("Take", "take");
  takeButton.title = "Record what you do with the controls, the pointer and the time";
  takeButton.setAttribute("aria-pressed", "false");
  const recordButton = makeButton("", "record");
  const recordLabel = recordButton.querySelector("span") as HTMLElement;
  recordButton.classList.add("nbpipe-record");
  const element = make("div", "nbpipe-buttons", takeButton, recordButton);

  let timer: ReturnType<typeof setInterval> | undefined;
  /** From the press until the kernel has none. */
  const dropped = new Hold<boolean>((now) => {
    dropButton.hidden = now;
  });
  const taking = new Hold<boolean>((now) => takeButton.setAttribute("aria-pressed", String(now)));
  /** From the press until the kernel shows a recording. */
  const recording = new Hold<boolean>((now) => rest(recordButton, now));

  takeButton.addEventListener("click", () => {
    const on = takeButton.getAttribute("aria-pressed") !== "true";
    taking.want(on);
    take(on);
  });
  dropButton.addEventListener("click", () => {
    dropped.want(true);
    drop();
    takeButton.focus(); // Else the focus would go with the button.
  });
  onPress(recordButton, () => {
    recording.want(true);
    record();
  });

  return {
    element,
    taken,
    paint(preview, usable, takingSince) {
      const recorded = preview.record !== null && isActive(preview.record);
      dropButton.disabled = recordButton.disabled = !usable;
      takeButton.disabled = !usable || recorded; // What is shown meanwhile is not what somebody does.
      dropped.say(preview.taking || preview.take === null);
      write(recordLabel, recordWords(preview));
      recordButton.title = recordTitle(preview);
      taking.say(preview.taking);
      recording.say(recorded);
      const tell = () => {
        write(length, takeWords(preview, (performance.now() - takingSince) / 1000));
        taken.hidden = length.hidden;
      };
      clearInterval(timer);
      timer = preview.taking ? setInterval(tell, TICK) : undefined;
      taken.classList.toggle("nbpipe-taking", preview.taking);
      tell();
    },
    close() {
      clearInterval(timer);
      dropped.close();
      taking.close();
      recording.close();
    },
  };
}
