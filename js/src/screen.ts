/**
 * The picture of one view: a canvas while frames come, the finished video afterwards, in the same box.
 *
 * Owns: the box and its shape (fixed before the first frame, so that nothing jumps), and the video's object
 * URL, which the download shares. Must not know: where frames and chunks come from, states in words.
 */
import { make } from "./elements.ts";
import type { FilmStatus } from "./film.ts";
import type { Picture } from "./frames.ts";
import type { Recording } from "./model.ts";

export interface Screen {
  element: HTMLElement;
  /** Something can be seen. */
  readonly lit: boolean;
  /** Of the whole file, once it is here. */
  readonly url: string | null;
  /** This browser has tried the file and cannot decode it. */
  readonly unplayable: boolean;
  draw(picture: Picture): void;
  paint(recording: Recording, film: FilmStatus): void;
  close(): void;
}

/** At the picture's own size; how large it appears is the style's business. */
export function drawOn(canvas: HTMLCanvasElement, { source, width, height }: Picture): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d", { alpha: false })?.drawImage(source, 0, 0);
}

/** `changed` is called when `lit` or `unplayable` has changed on its own. */
export function createScreen(changed: () => void): Screen {
  const canvas = make("canvas");
  const caption = make("div", "nbpipe-caption");
  const element = make("div", "nbpipe-screen", canvas, caption);
  canvas.setAttribute("role", "img");

  let video: HTMLVideoElement | null = null;
  let url: string | null = null;
  let lit = false;
  let unplayable = false;

  function draw(picture: Picture): void {
    drawOn(canvas, picture);
    if (lit) return;
    lit = true;
    element.classList.add("nbpipe-lit");
    changed();
  }

  function play(blob: Blob, name: string): void {
    url = URL.createObjectURL(blob);
    const player = make("video");
    video = player;
    player.controls = true;
    player.loop = true;
    player.playsInline = true;
    player.muted = true; // There is no sound, and browsers start only silent videos by themselves.
    player.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    player.setAttribute("aria-label", name);
    player.dataset.jpSuppressContextMenu = ""; // The browser's menu, not JupyterLab's.
    // Until the first image is decoded the last frame stays, so that the change does not flash.
    player.addEventListener("loadeddata", () => {
      lit = true;
      element.classList.add("nbpipe-lit", "nbpipe-playing");
      changed();
    });
    player.addEventListener("error", () => {
      if (video !== player) return;
      video = null;
      unplayable = true;
      player.remove();
      element.classList.remove("nbpipe-playing");
      changed();
    });
    player.src = url;
    canvas.after(player);
  }

  return {
    element,
    draw,
    get lit() {
      return lit;
    },
    get url() {
      return url;
    },
    get unplayable() {
      return unplayable;
    },
    paint({ state, name, size: [width, height] }, film) {
      element.style.setProperty("--nbpipe-aspect", String(width / height));
      element.classList.toggle("nbpipe-dimmed", state === "failed");
      canvas.setAttribute("aria-label", `Recording of ${name}`);
      const loading = film.kind === "loading" ? `loading video ${Math.floor(film.share * 100)} %` : "";
      if (caption.textContent !== loading) caption.textContent = loading;
      if (film.kind === "here" && url === null) play(film.blob, name);
    },
    close() {
      const player = video;
      video = null; // Emptying it below fires an error that means nothing.
      if (player) {
        player.pause();
        player.removeAttribute("src");
        player.load();
      }
      if (url !== null) URL.revokeObjectURL(url);
      url = null;
    },
  };
}
