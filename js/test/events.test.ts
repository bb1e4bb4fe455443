import { describe, expect, it } from "vitest";
import { gather, type PointerMotion, type ViewEvent, type Wheel } from "../src/events.ts";

const move = (x: number, changes: Partial<PointerMotion> = {}): PointerMotion => ({
  ...{ type: "pointer_move", x, y: 0, button: 0, buttons: [1], modifiers: [] },
  ...{ ntouches: 0, touches: {}, timestamp: x },
  ...changes,
});
const wheel = (dx: number, dy: number): Wheel => ({
  ...{ type: "wheel", dx, dy, x: dy, y: 0, buttons: [], modifiers: [], timestamp: dy },
});
const down: ViewEvent = { ...move(0), type: "pointer_down", button: 1 };

function gathered(...events: ViewEvent[]): ViewEvent[] {
  const waiting: ViewEvent[] = [];
  for (const event of events) gather(waiting, event);
  return waiting;
}

describe("events that wait", () => {
  it("become one if they are moves, and the newest counts", () => {
    expect(gathered(move(1), move(2), move(3))).toEqual([move(3)]);
  });

  it("become one if they are turns of the wheel, which add up", () => {
    expect(gathered(wheel(1, 10), wheel(2, 20))).toEqual([{ ...wheel(2, 20), dx: 3, dy: 30 }]);
  });

  it("stay apart when something was pressed or let go between them", () => {
    const [plain, shifted] = [move(1), move(2, { modifiers: ["Shift"] })];
    expect(gathered(plain, shifted)).toEqual([plain, shifted]);
    expect(gathered(move(1), move(2, { buttons: [] }))).toHaveLength(2);
  });

  it("keep the order in which they happened", () => {
    const all = [move(1), down, move(2), wheel(0, 1), move(3)];
    expect(gathered(...all)).toEqual(all);
  });
});
