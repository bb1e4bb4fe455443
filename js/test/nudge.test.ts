import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Nudge } from "../src/nudge.ts";

let said: number[];
let nudge: Nudge;
let began: number;

beforeEach(() => {
  vi.useFakeTimers();
  began = performance.now();
  said = [];
  nudge = new Nudge(() => said.push(performance.now() - began));
});
afterEach(() => {
  vi.useRealTimers();
});

/** A picture comes for each of these times that the kernel took, long after they were awaited. */
function answers(...took: number[]): void {
  for (const one of took) {
    nudge.start();
    vi.advanceTimersByTime(1000);
    nudge.answered(one);
  }
  began = performance.now();
  said.length = 0;
}

describe("a nudge", () => {
  it("comes twice if no picture does, and no more", () => {
    nudge.start();
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([20, 35]);
  });

  it("is not needed when the picture comes by itself", () => {
    nudge.start();
    vi.advanceTimersByTime(15);
    nudge.answered(7);
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([]);
  });

  it("comes once where the first one has brought the picture", () => {
    nudge.start();
    vi.advanceTimersByTime(22);
    nudge.answered(7);
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([20]);
  });

  it("still comes when the picture that came answers something older", () => {
    vi.advanceTimersByTime(1000);
    nudge.start();
    vi.advanceTimersByTime(15);
    nudge.answered(16);
    vi.advanceTimersByTime(10_000);
    expect(said).toHaveLength(2);
  });

  it("follows only pictures that answer what was done: the first of all may have been awaited for minutes", () => {
    nudge.answered(60_000);
    nudge.start();
    vi.advanceTimersByTime(15);
    nudge.answered(30_000);
    nudge.answered(7);
    nudge.answered(9000);
    nudge.start();
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([15 + 20, 15 + 35]);
  });

  it("comes when the picture has reached the server, by the middle of the last five", () => {
    answers(300, 300, 300, 40, 25, 31, 7, 900);
    nudge.start();
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([31 + 8, 31 + 8 + 15]);
  });

  it("is not needed where pictures take longer than they are held", () => {
    answers(31, 32, 32, 33, 60);
    nudge.start();
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual([]);
    answers(31, 31, 31);
    nudge.start();
    vi.advanceTimersByTime(10_000);
    expect(said).toHaveLength(2);
  });

  it("is never said between two moves of a pointer that is dragged", () => {
    for (let move = 0; move < 60; move += 1) {
      nudge.start();
      vi.advanceTimersByTime(17);
    }
    expect(said).toEqual([]);
  });

  it("can be called off, before the first and before the second", () => {
    for (const [wait, times] of [
      [10, 0],
      [25, 1],
    ] as const) {
      said.length = 0;
      nudge.start();
      vi.advanceTimersByTime(wait);
      nudge.stop();
      expect(vi.getTimerCount()).toBe(0);
      vi.advanceTimersByTime(10_000);
      expect(said).toHaveLength(times);
    }
  });
});
