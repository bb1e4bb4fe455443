/**
 * What a person did to the picture, in the words of the renderview specification (https://pygfx.org/renderview/).
 *
 * Owns: the shapes of the events, and which of those that wait may become one: moves, of which the newest counts,
 * and turns of the wheel, which add up. Pure. Must not know: the page, the kernel.
 */

export type Modifier = "Shift" | "Control" | "Alt" | "Meta";
export type Touches = Record<string, { x: number; y: number; pressure: number }>;

interface Timed {
  /** Seconds. */
  timestamp: number;
}

/** In pixels of the picture, from its top left. Buttons: 1 left, 2 right, 3 middle, 4 and 5 beside. */
interface Placed extends Timed {
  x: number;
  y: number;
  buttons: readonly number[];
  modifiers: readonly Modifier[];
}

export interface PointerMotion extends Placed {
  type: "pointer_down" | "pointer_up" | "pointer_move";
  /** The one that went down or up; 0 for none. */
  button: number;
  ntouches: number;
  touches: Touches;
}

export interface Wheel extends Placed {
  type: "wheel";
  dx: number;
  dy: number;
}

export type ViewEvent =
  | PointerMotion
  | Wheel
  | (Placed & { type: "double_click"; button: number })
  | (Timed & { type: "pointer_enter" | "pointer_leave" | "focus_in" | "focus_out" })
  | (Timed & { type: "key_down" | "key_up"; key: string; modifiers: readonly Modifier[] })
  | (Timed & {
      type: "char";
      data: string;
      input_type: "insertText";
      is_composing: boolean;
      repeat: boolean;
    });

/** Those that come in floods, and may wait for the next animation frame. */
export const isFrequent = ({ type }: ViewEvent) => type === "pointer_move" || type === "wheel";

/** Adds an event to those that wait, in order. */
export function gather(waiting: ViewEvent[], event: ViewEvent): void {
  const last = waiting.at(-1);
  if (last?.type === "pointer_move" && event.type === "pointer_move" && sameHold(last, event)) {
    waiting[waiting.length - 1] = event;
  } else if (last?.type === "wheel" && event.type === "wheel" && sameHold(last, event)) {
    waiting[waiting.length - 1] = { ...event, dx: last.dx + event.dx, dy: last.dy + event.dy };
  } else {
    waiting.push(event);
  }
}

/** Between two moves nothing was pressed or let go. */
function sameHold(one: Placed, other: Placed): boolean {
  return one.buttons.join() === other.buttons.join() && one.modifiers.join() === other.modifiers.join();
}
