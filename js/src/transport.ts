/**
 * The transport bar: the time line, play, steps, speed and loop.
 *
 * Owns: those elements, and whose word counts while a person uses one (hold.ts).
 * Must not know: the wording (preview-words.ts), the wire (a use is a call), the picture.
 */
import { icon, make, makeIconButton, makeOption, write } from "./elements.ts";
import { Hold } from "./hold.ts";
import type { Preview, Setting } from "./preview-model.ts";
import { speedWords, spokenTime, timeWords } from "./preview-words.ts";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];

/** Seconds between what was asked for and what is answered, when the time goes on meanwhile. */
const TIME_AGREES = 0.5;
/** The same when it stands still: the kernel rounds to this. A picture that was on its way before is no answer, and
 * would put the next arrow key where the knob was. */
const TIME_IS = 1e-6;

export interface Transport {
  timeline: HTMLElement;
  element: HTMLElement;
  paint(preview: Preview, usable: boolean): void;
  /** The time of the picture that has just been shown. */
  tick(time: number): void;
  close(): void;
}

export interface TransportUse {
  set(setting: Setting): void;
  step(by: number): void;
}

export function createTransport({ set, step }: TransportUse): Transport {
  const timeline = make("input", "nbpipe-timeline");
  timeline.type = "range";
  timeline.min = "0";
  timeline.step = "any";
  timeline.setAttribute("aria-label", "Time");
  const back = makeIconButton("Step back", "back");
  const play = makeIconButton("Play", "resume");
  const forward = makeIconButton("Step forward", "forward");
  const loop = makeIconButton("Loop", "loop");
  play.classList.add("nbpipe-play");
  const clock = make("span", "nbpipe-clock");
  const speed = make("select", "nbpipe-select");
  speed.setAttribute("aria-label", "Speed");
  speed.title = "Speed";
  const element = make("div", "nbpipe-transport", back, play, forward, clock, loop, speed);
  const all = [timeline, back, play, forward, loop, speed];

  let duration = 1;

  const playing = new Hold<boolean>((now) => {
    const [name, drawing] = now ? (["Pause", "pause"] as const) : (["Play", "resume"] as const);
    if (play.title === name) return;
    play.title = name;
    play.setAttribute("aria-label", name);
    play.replaceChildren(icon(drawing));
  });
  const looping = new Hold<boolean>((now) => loop.setAttribute("aria-pressed", String(now)));
  const pace = new Hold<number>((now) => {
    const values = SPEEDS.includes(now) ? SPEEDS : [...SPEEDS, now].sort((a, b) => a - b);
    if (
      values.length !== speed.options.length ||
      values.some((value, at) => Number(speed.options[at]?.value) !== value)
    ) {
      speed.replaceChildren(...values.map((value) => makeOption(speedWords(value), value)));
    }
    speed.value = String(now);
  });
  const time = new Hold<number>(
    (now) => {
      timeline.value = String(now);
      tellTime(now);
    },
    (said, wanted) => Math.abs(said - wanted) <= (play.title === "Play" ? TIME_IS : TIME_AGREES),
  );

  function tellTime(now: number): void {
    write(clock, timeWords(now, duration));
    timeline.style.setProperty("--nbpipe-share", `${Math.min(now / duration, 1) * 100}%`);
    timeline.setAttribute("aria-valuetext", spokenTime(now, duration));
  }

  function toggle(hold: Hold<boolean>, name: "playing" | "loop", value: boolean): void {
    hold.want(value);
    set({ name, value });
  }

  function go(by: number): void {
    time.forget();
    step(by);
  }

  play.addEventListener("click", () => toggle(playing, "playing", play.title === "Play"));
  loop.addEventListener("click", () => toggle(looping, "loop", loop.getAttribute("aria-pressed") !== "true"));
  back.addEventListener("click", () => go(-1));
  forward.addEventListener("click", () => go(1));
  speed.addEventListener("change", () => {
    pace.want(Number(speed.value));
    set({ name: "speed", value: Number(speed.value) });
  });
  timeline.addEventListener("input", () => {
    const wanted = Number(timeline.value);
    time.want(wanted, true);
    set({ name: "time", value: wanted });
  });
  timeline.addEventListener("change", () => time.release());
  timeline.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault(); // The page would scroll.
    if (!event.repeat) play.click();
  });

  return {
    timeline,
    element,
    paint(preview, usable) {
      duration = preview.duration;
      timeline.max = String(duration);
      playing.say(preview.playing);
      looping.say(preview.loop);
      pace.say(preview.speed);
      time.say(preview.time);
      for (const one of all) one.disabled = !usable;
    },
    tick: (now) => time.say(now),
    close() {
      for (const hold of [playing, looping, pace, time]) hold.close();
    },
  };
}
