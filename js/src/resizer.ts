/**
 * The corner of the picture that changes its size.
 *
 * Owns: the handle, the outline while it is pulled, and how often the kernel is asked: a new size costs it new
 * buffers, so at most five times a second and once at the end. Must not know: the kernel, the scene.
 */
import { icon, make } from "./elements.ts";
import { Hold } from "./hold.ts";

export type Size = readonly [number, number];

/** Smaller shows nothing, larger no GPU need draw; the kernel clamps once more. */
const [LEAST, MOST] = [16, 4096];
/** Milliseconds between two wishes while a person pulls. */
const PACE = 200;
/** Pixels of one press of an arrow key, and with Shift. */
const [STEP, LEAP] = [16, 64];

const ARROWS: Record<string, Size> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface Resizer {
  element: HTMLElement;
  paint(size: Size, usable: boolean): void;
  close(): void;
}

/** Even, as the pictures of most video formats must be. */
const clamp = (pixels: number) => Math.min(Math.max(2 * Math.round(pixels / 2), LEAST), MOST);

/** `picture`: what is to be resized, whose box tells how large a pixel of it appears. */
export function createResizer(picture: Element, resize: (size: Size) => void): Resizer {
  const handle = make("button", "nbpipe-handle", icon("corner"));
  handle.type = "button";
  const outline = make("div", "nbpipe-outline");
  outline.hidden = true;
  const element = make("div", "nbpipe-resizer", outline, handle);

  let size: Size = [1, 1];
  const hold = new Hold<Size>(
    (now) => {
      size = now;
      handle.title = `${now[0]} × ${now[1]}`;
      handle.setAttribute(
        "aria-label",
        `Size of the picture, ${now[0]} by ${now[1]} pixels; arrow keys change it`,
      );
    },
    (said, wanted) => said.join() === wanted.join(),
  );
  /** While it is pulled: where that began, what is wanted, and what the kernel was asked for last. */
  let pull: { x: number; y: number; size: Size; scale: number; wanted: Size; asked: Size } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function ask(wanted: Size): void {
    hold.want(wanted);
    resize(wanted);
  }

  function askPulled(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!pull || pull.wanted.join() === pull.asked.join()) return;
    pull.asked = pull.wanted;
    ask(pull.wanted);
  }

  function show([width, height]: Size, scale: number): void {
    outline.style.width = `${width * scale}px`;
    outline.style.height = `${height * scale}px`;
    outline.textContent = `${width} × ${height}`;
  }

  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const scale = picture.getBoundingClientRect().width / size[0] || 1;
    pull = { x: event.clientX, y: event.clientY, size, scale, wanted: size, asked: size };
    show(size, scale);
    outline.hidden = false;
  });
  handle.addEventListener("pointermove", (event) => {
    if (!pull) return;
    const [width, height] = pull.size;
    pull.wanted = [
      clamp(width + (event.clientX - pull.x) / pull.scale),
      clamp(height + (event.clientY - pull.y) / pull.scale),
    ];
    show(pull.wanted, pull.scale);
    timer ??= setTimeout(askPulled, PACE);
  });
  handle.addEventListener("lostpointercapture", () => {
    askPulled();
    pull = null;
    outline.hidden = true;
  });
  handle.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const step = event.shiftKey ? LEAP : STEP;
    ask([clamp(size[0] + arrow[0] * step), clamp(size[1] + arrow[1] * step)]);
  });

  return {
    element,
    paint(now, usable) {
      hold.say(now);
      handle.disabled = !usable;
    },
    close() {
      clearTimeout(timer);
      hold.close();
    },
  };
}
