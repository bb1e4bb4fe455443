import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Hold } from "../src/hold.ts";
import { Outbox } from "../src/outbox.ts";
import { fakeScreenTime } from "./fakes.ts";

describe("a value that two may change", () => {
  let shown: number[];
  let hold: Hold<number>;
  beforeEach(() => {
    vi.useFakeTimers();
    shown = [];
    hold = new Hold<number>((value) => shown.push(value));
  });
  afterEach(() => vi.useRealTimers());

  it("is the kernel's while nobody touches it", () => {
    hold.say(1);
    hold.say(2);
    expect(shown).toEqual([1, 2]);
  });

  it("does not jump back to older values of the kernel's while a finger is on it", () => {
    hold.say(1);
    hold.want(5, true);
    hold.want(6, true);
    hold.say(5);
    hold.say(6);
    hold.say(5.5);
    vi.advanceTimersByTime(60_000);
    expect(shown).toEqual([1, 5, 6]);
  });

  it("is the kernel's again when that agrees", () => {
    hold.want(5, true);
    hold.release();
    hold.say(4);
    hold.say(5);
    hold.say(7);
    expect(shown).toEqual([5, 5, 7]);
  });

  it("shows what the kernel made of it, if that does not agree for a while", () => {
    hold.want(500);
    hold.say(100);
    expect(shown).toEqual([500]);
    vi.advanceTimersByTime(2500);
    expect(shown).toEqual([500, 100]);
  });

  it("leaves no timer behind", () => {
    hold.want(1);
    hold.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("what waits for the animation frame", () => {
  it("is the newest of each name, once", () => {
    const time = fakeScreenTime();
    const sent: string[] = [];
    const outbox = new Outbox<string>((message) => sent.push(message));
    for (const message of ["a1", "b1", "a2", "a3"]) outbox.put(message.slice(0, 1), message);
    expect(sent).toEqual([]);
    time.animate();
    time.animate();
    expect(sent).toEqual(["a3", "b1"]);
    outbox.put("a", "a4");
    outbox.flush();
    expect([sent.at(-1), time.animations]).toEqual(["a4", 0]);
  });
});
