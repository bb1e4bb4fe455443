/**
 * A person's hands on the picture, as events.
 *
 * Owns: the listeners on one canvas, which buttons, keys and fingers are down there, and when events go: frequent
 * ones with the next animation frame, the others at once, and always in the order in which they happened.
 * Must not know: the kernel, what is drawn.
 *
 * Two rules that a page needs. The wheel is taken only while the canvas has the focus, else a notebook could not
 * be scrolled past it. And Tab and Escape always leave: a canvas that swallows them would be a keyboard trap.
 */
import {
  gather,
  isFrequent,
  type Modifier,
  type PointerMotion,
  type Touches,
  type ViewEvent,
} from "./events.ts";

/** A forged or broken device must not make one message of thousands; the kernel takes no more either. */
const MAX_BATCH = 64;

/** Milliseconds after a press at which the focus is looked at again. */
const LOOK_AGAIN = [30, 250];

/** CSS pixels that a line and a page of a wheel stand for: one notch is about 100 then, whatever its unit. */
const WHEEL_UNITS = [1, 33, 300];

const MODIFIERS = [
  ["Shift", "shiftKey"],
  ["Control", "ctrlKey"],
  ["Alt", "altKey"],
  ["Meta", "metaKey"],
] as const satisfies readonly (readonly [Modifier, string])[];

type Keys = Pick<MouseEvent, (typeof MODIFIERS)[number][1]>;
const modifiersOf = (event: Keys) => MODIFIERS.filter(([, key]) => event[key]).map(([name]) => name);

/** Left, right, middle, back, forward: the order of the browser's mask is that of the specification. */
const buttonsOf = (mask: number) => [1, 2, 3, 4, 5].filter((button) => mask & (1 << (button - 1)));

type Place = Pick<PointerMotion, "x" | "y">;

const seconds = ({ timeStamp }: Event) => timeStamp / 1000;

/** `size`: of the picture, in whose pixels positions are told. Returns the way to stop. */
export function watchInput(
  canvas: HTMLCanvasElement,
  size: () => readonly [number, number],
  send: (events: readonly ViewEvent[]) => void,
): () => void {
  const stop = new AbortController();
  const waiting: ViewEvent[] = [];
  const keys = new Map<string, string>();
  const touches = new Map<number, Touches[string]>();
  /** The pointer whose buttons are down; others are no more than touches. */
  let captor: number | null = null;
  let mask = 0;
  let inside = false;
  let last: Place = { x: 0, y: 0 };
  let animation: number | null = null;
  const looking: ReturnType<typeof setTimeout>[] = [];

  function flush(): void {
    if (animation !== null) cancelAnimationFrame(animation);
    animation = null;
    while (waiting.length > 0) send(waiting.splice(0, MAX_BATCH));
  }

  function emit(...events: readonly ViewEvent[]): void {
    for (const event of events) gather(waiting, event);
    if (!events.every(isFrequent)) flush();
    else animation ??= requestAnimationFrame(flush);
  }

  function place(event: MouseEvent): Place {
    const box = canvas.getBoundingClientRect();
    const [width, height] = size();
    if (box.width === 0 || box.height === 0) return last;
    return {
      x: ((event.clientX - box.left) / box.width) * width,
      y: ((event.clientY - box.top) / box.height) * height,
    };
  }

  function motion(event: PointerEvent, type: PointerMotion["type"], button: number, held: number): void {
    if (!isOther(event)) last = place(event);
    emit({
      type,
      ...last,
      button,
      buttons: buttonsOf(held),
      modifiers: modifiersOf(event),
      ntouches: touches.size,
      touches: Object.fromEntries(touches),
      timestamp: seconds(event),
    });
  }

  /** Whatever the browser calls it, the mask tells what went down or up: of a second button it tells as of a move. */
  function press(event: PointerEvent, next: number): void {
    for (const button of [1, 2, 3, 4, 5]) {
      const bit = 1 << (button - 1);
      if ((next & bit) === (mask & bit)) continue;
      mask ^= bit;
      motion(event, mask & bit ? "pointer_down" : "pointer_up", button, mask);
    }
    if (mask === 0) captor = null;
  }

  function touch(event: PointerEvent, down: boolean): void {
    if (event.pointerType !== "touch") return;
    if (down) touches.set(event.pointerId, { ...place(event), pressure: event.pressure });
    else touches.delete(event.pointerId);
  }

  const isOther = (event: PointerEvent) => captor !== null && captor !== event.pointerId;

  /** VS Code gives the focus to the cell of an output that was clicked, a moment after the page has had its say. */
  function takeFocus(): void {
    canvas.focus({ preventScroll: true });
    leaveFocus();
    looking.push(...LOOK_AGAIN.map((wait) => setTimeout(() => canvas.focus({ preventScroll: true }), wait)));
  }
  /** A person has gone elsewhere, or means to. */
  function leaveFocus(): void {
    for (const timer of looking.splice(0)) clearTimeout(timer);
  }

  function onDown(event: PointerEvent): void {
    // Of the mouse events that would follow, JupyterLab makes a selected cell, which takes the focus away.
    event.preventDefault();
    takeFocus();
    touch(event, true);
    if (isOther(event)) {
      motion(event, "pointer_move", 0, mask);
    } else {
      canvas.setPointerCapture(event.pointerId);
      captor = event.pointerId;
      press(event, event.buttons);
    }
  }
  function onMove(event: PointerEvent): void {
    if (touches.has(event.pointerId)) touch(event, true);
    if (!isOther(event) && captor !== null && event.buttons !== mask) press(event, event.buttons);
    else if (!isOther(event) || touches.has(event.pointerId)) motion(event, "pointer_move", 0, mask);
  }
  function onUp(event: PointerEvent): void {
    touch(event, false);
    if (isOther(event)) motion(event, "pointer_move", 0, mask);
    else if (captor !== null) press(event, event.buttons);
  }
  /** The system has taken the pointer away: a gesture, another window. */
  function letGo(event: Event): void {
    touches.clear();
    captor = null;
    for (const button of buttonsOf(mask)) {
      mask ^= 1 << (button - 1);
      const [buttons, timestamp] = [buttonsOf(mask), seconds(event)];
      emit({
        type: "pointer_up",
        ...last,
        button,
        buttons,
        modifiers: [],
        ntouches: 0,
        touches: {},
        timestamp,
      });
    }
  }
  function cross(event: Event, into: boolean): void {
    if (inside === into) return;
    inside = into;
    emit({ type: into ? "pointer_enter" : "pointer_leave", timestamp: seconds(event) });
  }

  function onWheel(event: WheelEvent): void {
    if (!canvas.matches(":focus")) return;
    event.preventDefault();
    const unit = WHEEL_UNITS[event.deltaMode] ?? 1;
    emit({
      type: "wheel",
      dx: event.deltaX * unit,
      dy: event.deltaY * unit,
      ...place(event),
      buttons: buttonsOf(event.buttons),
      modifiers: modifiersOf(event),
      timestamp: seconds(event),
    });
  }
  function onDoubleClick(event: MouseEvent): void {
    event.preventDefault();
    const buttons = buttonsOf(event.buttons);
    const modifiers = modifiersOf(event);
    emit({ type: "double_click", ...place(event), button: 1, buttons, modifiers, timestamp: seconds(event) });
  }

  function onKey(event: KeyboardEvent): void {
    if (event.key === "Tab") return;
    const down = event.type === "keydown";
    if (event.key !== "Escape") event.stopPropagation();
    // Space and arrows would scroll the page; what goes with Control or Meta belongs to the browser.
    if (!event.ctrlKey && !event.metaKey && !/^F\d+$/.test(event.key)) event.preventDefault();
    // Keys tell of the keyboard and do not repeat; characters tell of what is typed, and do.
    if (down && event.repeat) {
      emit(...typed(event));
      return;
    }
    // By place: the key that gives "A" with Shift gives "a" when Shift is let go first.
    const key = down ? event.key : (keys.get(event.code) ?? event.key);
    if (down) keys.set(event.code, key);
    else keys.delete(event.code);
    const told: ViewEvent = {
      type: down ? "key_down" : "key_up",
      key,
      modifiers: modifiersOf(event),
      timestamp: seconds(event),
    };
    emit(told, ...(down ? typed(event) : []));
    // macOS does not tell of other keys that go up while Meta is down.
    if (!down && event.key === "Meta") releaseKeys(event);
    if (down && event.key === "Escape") canvas.blur();
  }
  /** The character that a key gives, if it gives one. */
  function typed({ key, ctrlKey, metaKey, isComposing, repeat, timeStamp }: KeyboardEvent): ViewEvent[] {
    if ([...key].length !== 1 || ctrlKey || metaKey) return [];
    const timestamp = timeStamp / 1000;
    return [
      { type: "char", data: key, input_type: "insertText", is_composing: isComposing, repeat, timestamp },
    ];
  }
  function releaseKeys(event: Event): void {
    for (const key of keys.values()) emit({ type: "key_up", key, modifiers: [], timestamp: seconds(event) });
    keys.clear();
  }

  const { signal } = stop;
  canvas.addEventListener("pointerdown", onDown, { signal });
  canvas.addEventListener("pointermove", onMove, { signal });
  canvas.addEventListener("pointerup", onUp, { signal });
  canvas.addEventListener("pointercancel", letGo, { signal });
  canvas.addEventListener("pointerenter", (event) => cross(event, true), { signal });
  canvas.addEventListener("pointerleave", (event) => cross(event, false), { signal });
  canvas.addEventListener("wheel", onWheel, { signal, passive: false });
  canvas.addEventListener("dblclick", onDoubleClick, { signal });
  canvas.addEventListener("keydown", onKey, { signal });
  canvas.addEventListener("keyup", onKey, { signal });
  canvas.addEventListener("focus", (event) => emit({ type: "focus_in", timestamp: seconds(event) }), {
    signal,
  });
  canvas.addEventListener(
    "blur",
    (event) => {
      releaseKeys(event);
      emit({ type: "focus_out", timestamp: seconds(event) });
    },
    { signal },
  );
  // The right button is the scene's. With Shift the browser's own menu comes, to save the picture.
  canvas.addEventListener(
    "contextmenu",
    (event) => {
      event.stopPropagation();
      if (!event.shiftKey) event.preventDefault();
    },
    { signal },
  );
  window.addEventListener(
    "blur",
    (event) => {
      letGo(event);
      cross(event, false);
    },
    { signal },
  );

  for (const away of ["pointerdown", "keydown"])
    window.addEventListener(away, leaveFocus, { signal, capture: true });

  return () => {
    stop.abort();
    leaveFocus();
    if (animation !== null) cancelAnimationFrame(animation);
  };
}
