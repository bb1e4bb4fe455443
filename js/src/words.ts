/**
 * What the widget says: numbers and states as words.
 *
 * Owns: every sentence and every rounding. Pure functions, so that a wording is tested without a page.
 * Must not know: elements, messages, timers.
 */
import type { FilmStatus } from "./film.ts";
import type { Recording } from "./model.ts";

/** What a person has asked for and the kernel has not yet answered. */
export type Wish = "stop" | "pause" | "resume";

const WISHES = { stop: "Stopping…", pause: "Pausing…", resume: "Resuming…" } as const;

export function stateWords(recording: Recording, wish: Wish | null, gone = false): string {
  if (gone && isActive(recording)) return "Disconnected";
  if (wish) return WISHES[wish];
  switch (recording.state) {
    case "pending":
      return "Preparing…";
    case "recording":
      return "Rendering";
    case "paused":
      return `Paused at frame ${recording.frame}`;
    case "finishing":
      return recording.synced ? "Closing the file" : `Writing the last ${frames(recording.queued)}`;
    case "done":
      return "Done";
    case "stopped":
      return `Stopped after ${frames(recording.frame)}`;
    case "failed":
      return "Failed";
  }
}

/** Why it is not faster. */
export function limitWords({ state, bottleneck }: Recording): string {
  return state === "recording" && bottleneck ? `${bottleneck} is the limit` : "";
}

/** What a view knows of its kernel. */
export interface Situation {
  /** The kernel behind this view has gone. */
  gone: boolean;
  /** The kernel has answered a hello: what the browser says arrives, so the buttons work. */
  heard: boolean;
  /** The view is so young that the kernel may still answer. */
  young: boolean;
}

/** What a view knows beyond the recording itself. */
export interface Circumstances extends Situation {
  film: FilmStatus;
  /** This browser has tried the file and cannot decode it. */
  unplayable: boolean;
  /** It is shown beneath the preview that it was made of. */
  beneath: boolean;
}

export const KERNEL_GONE = "The kernel is gone; run the cell again.";

/** The one line that says what to do next, where something is not as one would expect. */
export function hintWords(
  recording: Recording,
  { gone, heard, young, film, unplayable, beneath }: Circumstances,
): string {
  const { state, video, name } = recording;
  if (gone && isActive(recording) && recording.frame > 0) {
    return `The kernel is gone. What was recorded is in ${name}, or, if the kernel was killed, in a hidden .partial file beside it.`;
  }
  if (gone && (isActive(recording) || (video?.playable && film.kind !== "here"))) return KERNEL_GONE;
  if ((state === "recording" || state === "paused") && !heard && !young) {
    return "This kernel hears the browser only between cells: to stop, use the kernel's ■ interrupt button.";
  }
  if (beneath && isActive(recording)) {
    return "The preview stands still meanwhile; what is set now shows afterwards.";
  }
  if (!hasFile(recording) || !video) return "";
  if (!video.playable) {
    const why = PLAYED.includes(video.mime)
      ? "Too large to play here"
      : "Browsers do not play this kind of file";
    return `${why}: open the file ${name} (${fileSize(video.bytes)}).`;
  }
  if (film.kind === "lost") return `The video could not be loaded (${film.reason}): open the file ${name}.`;
  if (unplayable) return "This browser cannot play the file: download it and open it in a player.";
  return "";
}
/** What browsers play, given the right codec inside. */
const PLAYED = ["video/mp4", "video/webm"];

/** Not yet over: there is something to wait for. */
export function isActive({ state }: Recording): boolean {
  return state === "pending" || state === "recording" || state === "paused" || state === "finishing";
}

/** Over, and a file was kept. */
export function hasFile({ state }: Recording): boolean {
  return state === "done" || state === "stopped";
}

/** The line of numbers: what is done, how fast, how long, how large. */
export function numberWords(recording: Recording, gone = false): string {
  const { state, frame, eta, fps, bytes, elapsed } = recording;
  const parts: string[] = [];
  if (state === "done" || state === "stopped") {
    parts.push(`${frames(frame)} in ${clock(elapsed)}`, speed(fps));
  } else if (gone) {
    parts.push(position(recording)); // the last that was heard of it; how fast it was is no longer so
  } else {
    parts.push(position(recording));
    if (state === "recording") parts.push(speed(fps));
    if (state !== "paused" && eta !== null) parts.push(`${clock(eta)} left`);
  }
  parts.push(bytes > 0 ? fileSize(bytes) : "");
  return joined(parts);
}

/** The quiet line: what is being made. */
export function detailWords({ name, size, rate, encoder, note }: Recording): string {
  return joined([name, `${size[0]}×${size[1]}`, rateWords(rate), encoder, note]);
}

type Drawn = Pick<Recording, "renderer" | "software">;

/** The renderer as a chip shows it: without driver versions and bus names, which its tooltip has. */
export function rendererWords({ renderer, software }: Drawn): string {
  const short = renderer
    .replace(/ \(.*$/, "")
    .replace(/\/.*$/, "")
    .trim();
  return software ? `software: ${short || "Mesa"}` : short;
}

export function rendererTitle({ renderer, software }: Drawn): string {
  return software ? `No GPU is used: Mesa draws on the processor (${renderer})` : `Rendered by ${renderer}`;
}

function position({ frame, frames: total }: Recording): string {
  return total === null ? `frame ${frame}` : `frame ${frame} / ${total}`;
}

/** 0:03, 12:05, 1:02:03. Rounded up: "0:00 left" is a promise. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = `${hours ? String(minutes).padStart(2, "0") : minutes}:${String(whole % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}

/** Decimal units, as file managers and browsers show them. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  // 999.95 would be shown as 1000.0.
  while (value >= 999.95 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value.toFixed(units[0] === "kB" ? 0 : 1)} ${units[0]}`;
}

export function frames(count: number): string {
  return count === 1 ? "1 frame" : `${count} frames`;
}

export const speed = (fps: number) => (fps > 0 ? `${fps < 9.95 ? fps.toFixed(1) : Math.round(fps)} fps` : "");
export const joined = (parts: string[]) => parts.filter(Boolean).join(" · ");

/** "60", or a fraction such as "24000/1001". */
function rateWords(rate: string): string {
  const [over, under = 1] = rate.split("/").map(Number);
  const value = Number(over) / under;
  return value > 0 && Number.isFinite(value) ? `${Number(value.toFixed(3))} fps` : "";
}
