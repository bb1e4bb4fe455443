/**
 * All that is not the picture: progress, state, numbers, the renderer, the buttons.
 *
 * Owns: those elements, and the wish a person has expressed until the kernel's state answers it.
 * Must not know: the wording (words.ts), the wire (a press is a call), the picture.
 */
import { type IconName, icon, label, make, makeButton, onPress, rest, write } from "./elements.ts";
import type { Recording } from "./model.ts";
import {
  type Circumstances,
  detailWords,
  hintWords,
  limitWords,
  numberWords,
  rendererTitle,
  rendererWords,
  stateWords,
  type Wish,
} from "./words.ts";

export interface Panel {
  element: HTMLElement;
  /** `url`: where the whole file can be downloaded from, if it is here. */
  paint(recording: Recording, circumstances: Circumstances, url: string | null): void;
}

/** A wish waits while the recording is in one of these states; any other state is the kernel's answer. */
const UNANSWERED: Record<Wish, readonly string[]> = {
  stop: ["pending", "recording", "paused"],
  pause: ["recording"],
  resume: ["paused"],
};

export function createPanel(press: (wish: Wish) => void): Panel {
  const fill = make("div", "nbpipe-fill");
  const bar = make("div", "nbpipe-bar", fill);
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Recording progress");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");

  const words = make("span", "nbpipe-words");
  const limit = make("span", "nbpipe-limit");
  // Visible words count frames, which nobody wants read aloud each time: this one changes with the state.
  const spoken = make("span", "nbpipe-spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  const pause = makeButton("Pause", "pause");
  const stop = makeButton("Stop", "stop");
  const download = make("a", "nbpipe-button nbpipe-download", icon("download"), label("Download"));
  const buttons = make("div", "nbpipe-buttons", pause, stop, download);
  const state = make("div", "nbpipe-state", make("span", "nbpipe-dot"), words, limit, spoken, buttons);
  state.tabIndex = -1;

  const numbers = make("div", "nbpipe-numbers");
  const details = make("span", "nbpipe-details");
  const renderer = make("span", "nbpipe-chip");
  const footer = make("div", "nbpipe-footer", details, renderer);
  const hint = make("div", "nbpipe-hint");
  const error = make("pre", "nbpipe-error");
  error.tabIndex = 0; // It scrolls, so a keyboard must be able to reach it.
  error.setAttribute("aria-label", "Error");
  const element = make("div", "nbpipe-panel", bar, state, numbers, footer, hint, error);

  let wish: Wish | null = null;
  let latest: Parameters<Panel["paint"]> | null = null;
  let told = "";

  function ask(wanted: Wish): void {
    wish = wanted;
    press(wanted);
    if (latest) paint(...latest);
  }
  onPress(pause, () => ask(latest?.[0].state === "paused" ? "resume" : "pause"));
  onPress(stop, () => ask("stop"));

  function paint(recording: Recording, circumstances: Circumstances, url: string | null): void {
    latest = [recording, circumstances, url];
    if (wish && !UNANSWERED[wish].includes(recording.state)) wish = null;
    element.dataset.state = circumstances.gone && url === null ? "gone" : recording.state;
    write(words, stateWords(recording, wish, circumstances.gone));
    write(limit, circumstances.gone || wish ? "" : limitWords(recording));
    write(numbers, numberWords(recording, circumstances.gone));
    write(details, detailWords(recording));
    write(renderer, rendererWords(recording));
    renderer.title = rendererTitle(recording);
    renderer.classList.toggle("nbpipe-amber", recording.software);
    write(hint, hintWords(recording, circumstances));
    write(error, recording.state === "failed" ? recording.error : "");
    paintBar(recording);
    paintButtons(recording, circumstances, url);
    tell(recording, circumstances);
  }

  function paintBar({ state, frame, frames, progress }: Recording): void {
    const share = state === "done" ? 1 : progress;
    const open = frames === null && state !== "done" && state !== "stopped";
    bar.classList.toggle("nbpipe-open", open);
    fill.style.transform = open ? "" : `scaleX(${share})`;
    bar.setAttribute("aria-valuetext", frames === null ? `frame ${frame}` : `frame ${frame} of ${frames}`);
    if (open) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }

  function paintButtons(
    recording: Recording,
    { gone, heard, young }: Circumstances,
    url: string | null,
  ): void {
    const running = recording.state === "recording" || recording.state === "paused";
    const works = heard && !gone;
    // A kernel that hears nothing gets no buttons, once it had the time to show otherwise.
    const shown = recording.state === "pending" || (running && (heard || young || gone));
    // With a button that goes, the focus would go to the page's start: its line keeps it, before what comes next.
    if (!shown && (pause.matches(":focus") || stop.matches(":focus"))) state.focus({ preventScroll: true });
    pause.hidden = stop.hidden = !shown;
    pause.disabled = stop.disabled = !running || !works;
    rest(pause, wish !== null);
    rest(stop, wish === "stop");
    const next: IconName = recording.state === "paused" ? "resume" : "pause";
    if (pause.dataset.icon !== next) {
      pause.dataset.icon = next;
      pause.replaceChildren(icon(next), label(next === "resume" ? "Resume" : "Pause"));
    }
    download.hidden = url === null;
    if (url === null) download.removeAttribute("href");
    else download.href = url;
    download.download = recording.name;
  }

  function tell(recording: Recording, circumstances: Circumstances): void {
    const hints = hintWords(recording, circumstances);
    const occasion = [recording.state, recording.synced, wish, hints].join("\n");
    if (occasion === told) return;
    told = occasion;
    spoken.textContent = [stateWords(recording, wish, circumstances.gone), hints].filter(Boolean).join(". ");
  }

  return { element, paint };
}
