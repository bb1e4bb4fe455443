/**
 * What the live preview says: numbers and states as words.
 *
 * Owns: every sentence and every rounding that a recording does not have too (words.ts). Pure functions.
 * Must not know: elements, messages, timers.
 */
import type { Preview, Stream } from "./preview-model.ts";
import { joined, KERNEL_GONE, type Situation, speed } from "./words.ts";

/** The one line that says what to do next, where something is not as one would expect. */
export function situationWords({ gone, heard, young }: Situation): string {
  if (gone) return KERNEL_GONE;
  if (!heard && !young) return "The kernel is busy: the preview answers when the running cell has ended.";
  return "";
}

/** In place of a picture that has not come yet. */
export function waitingWords({ error }: Preview, { heard }: Situation): string {
  if (error) return "No picture: see the error below";
  return heard ? "Drawing the first picture…" : "Waiting for the kernel…";
}

export function timeWords(time: number, duration: number): string {
  return `${time.toFixed(2)} / ${duration.toFixed(2)} s`;
}

export function spokenTime(time: number, duration: number): string {
  return `${time.toFixed(2)} of ${duration.toFixed(2)} seconds`;
}

/** As short as it is exact: 1×, 0.25×. */
export function speedWords(factor: number): string {
  return `${Number(factor.toPrecision(3))}×`;
}

/** The quiet line: what is drawn, how fast and how large. */
export function detailWords(
  { name, playing, shownFps, size: [width, height] }: Preview,
  frame: number,
): string {
  return joined([name, `${width}×${height}`, `frame ${frame}`, playing ? speed(shownFps) : ""]);
}

const STREAMS: Record<Stream, string> = { jpeg: "JPEG", h264: "H.264", "": "" };
const STREAM_TITLES: Record<Stream, string> = {
  jpeg: "Pictures come one by one, as JPEG",
  h264: "Pictures come as H.264 video, which this browser decodes",
  "": "",
};
export const streamWords = (stream: Stream) => STREAMS[stream];
export const streamTitle = (stream: Stream) => STREAM_TITLES[stream];

/** `seconds`: since when the moves are taken. */
export function takeWords({ taking, take }: Preview, seconds: number): string {
  if (taking) return `● ${seconds.toFixed(1)} s`;
  return take ? `take: ${take.duration.toFixed(1)} s` : "";
}

/** What the button makes: a video of the take, where there is one. */
export function recordWords({ take }: Preview): string {
  return take ? "Record take" : "Record";
}

export function recordTitle({ take }: Preview): string {
  return take ? "Make a video of your take" : "Make a video of the scene as it is now";
}

/** For ears only, when one of these changes. */
export function spokenWords({ playing, taking, error, name }: Preview, situation: Situation): string {
  const words = situationWords(situation);
  if (words) return words;
  if (error) return `${name || "The scene"} has an error`;
  return `${playing ? "Playing" : "Paused"}${taking ? ", taking your moves" : ""}`;
}
