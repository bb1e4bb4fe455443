import { beforeEach, describe, expect, it, vi } from "vitest";
import { Frames, type Viewer } from "../src/frames.ts";
import { countUrls, fakeScreenTime, frame, picture } from "./fakes.ts";

let time: ReturnType<typeof fakeScreenTime>;
let acks: number[];
let frames: Frames;
let viewer: ReturnType<typeof vi.fn<Viewer>>;

beforeEach(() => {
  time = fakeScreenTime();
  acks = [];
  frames = new Frames((index) => acks.push(index));
  viewer = vi.fn<Viewer>();
});

describe("a frame", () => {
  it("is acknowledged when it has been painted, not before", async () => {
    frames.attach(viewer);
    frames.offer(frame(1));
    await time.decodeNext();
    expect(viewer).not.toHaveBeenCalled();
    expect(acks).toEqual([]);
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([1]);
  });

  it("gives way to newer ones while one is being decoded, and is acknowledged all the same", async () => {
    frames.attach(viewer);
    for (const index of [1, 2, 3, 4]) frames.offer(frame(index));
    expect(time.decoding).toHaveLength(1);
    await time.decodeNext();
    time.animate();
    expect(acks).toEqual([3]);
    await time.decodeNext();
    time.animate();
    expect(acks).toEqual([3, 4]);
    expect(viewer).toHaveBeenCalledTimes(2);
  });

  it("gives way to a newer one that is decoded before the screen refreshes, where none may wait", async () => {
    frames.attach(viewer);
    frames.offer(frame(1));
    await time.decodeNext();
    frames.offer(frame(2));
    await time.decodeNext();
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([2]);
  });

  it("is acknowledged when it cannot be decoded, and the next one is shown", async () => {
    frames.attach(viewer);
    frames.offer(frame(1));
    await time.failNext();
    time.animate();
    expect(acks).toEqual([1]);
    frames.offer(frame(2));
    await time.decodeNext();
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([1, 2]);
  });
});

describe("a picture that was decoded elsewhere", () => {
  const closed: number[] = [];
  const video = (index: number) => ({ ...picture(), close: () => closed.push(index) });

  it("is shown like a still, but never after a newer one", async () => {
    frames.attach(viewer);
    frames.offer(frame(5));
    frames.show(video(6), 6);
    await time.decodeNext(); // 5, too late.
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([6]);
    frames.offer(frame(8));
    await time.decodeNext();
    frames.show(video(7), 7);
    time.animate();
    expect(acks).toEqual([6, 8]);
    expect(closed).toEqual([7, 6]);
    expect(time.bitmaps.open).toBe(1);
  });

  it("is acknowledged when there is none, if that was requested", () => {
    frames.attach(viewer);
    frames.finished(3);
    time.animate();
    expect(acks).toEqual([]);
    frames.requestAck(4);
    frames.finished(4);
    expect(acks).toEqual([]);
    time.animate();
    expect(acks).toEqual([4]);
  });
});

describe("a hidden tab", () => {
  it("acknowledges nothing until the screen refreshes, then everything at once", async () => {
    frames.attach(viewer);
    for (const index of [1, 2, 3]) {
      frames.offer(frame(index));
      await time.decodeNext();
    }
    expect(acks).toEqual([]);
    time.animate();
    expect(acks).toEqual([3]);
  });

  it("keeps a bounded number of requests, however much the kernel sends", () => {
    frames.attach(viewer);
    for (let index = 0; index < 10_000; index += 1) frames.offer(frame(index));
    time.animate();
    expect(acks).toEqual([9998]);
    expect(time.decoding).toHaveLength(1);
  });
});

describe("views", () => {
  it("all show one frame, which is decoded once and acknowledged once", async () => {
    const second = vi.fn();
    frames.attach(viewer);
    frames.attach(second);
    frames.offer(frame(1));
    expect(time.decoding).toHaveLength(1);
    await time.decodeNext();
    time.animate();
    expect([viewer.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]);
    expect(acks).toEqual([1]);
  });

  it("that come late show the last picture at once", async () => {
    frames.attach(viewer);
    frames.offer(frame(1));
    await time.decodeNext();
    time.animate();
    const late = vi.fn();
    frames.attach(late);
    expect(late).toHaveBeenCalledTimes(1);
  });

  it("that come after the frames show the newest, and only then is it acknowledged", async () => {
    frames.offer(frame(1));
    frames.offer(frame(2));
    expect(time.decoding).toHaveLength(0);
    time.animate();
    expect(acks).toEqual([]);
    frames.attach(viewer);
    await time.decodeNext();
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(1);
    expect(acks).toEqual([2]);
  });

  it("that have gone are not painted", async () => {
    const leave = frames.attach(viewer);
    frames.offer(frame(1));
    await time.decodeNext();
    leave();
    time.animate();
    expect(viewer).not.toHaveBeenCalled();
    expect(acks).toEqual([]);
  });
});

describe("memory", () => {
  it("holds the picture that is shown and one that is not yet, and none after the end", async () => {
    frames.attach(viewer);
    for (let index = 0; index < 50; index += 1) {
      frames.offer(frame(index));
      await time.decodeNext();
      if (index % 3 === 0) time.animate();
      expect(time.bitmaps.open).toBeLessThanOrEqual(2);
    }
    frames.close();
    expect(time.bitmaps.open).toBe(0);
    expect(time.animations).toBe(0);
  });

  it("lets go of a picture whose decoding ends after the end", async () => {
    frames.attach(viewer);
    frames.offer(frame(1));
    frames.close();
    await time.decodeNext();
    frames.offer(frame(2));
    expect(time.bitmaps.open).toBe(0);
    expect(time.decoding).toHaveLength(0);
  });
});

describe("a browser without createImageBitmap", () => {
  it.each([
    ["decodes", () => Promise.resolve(), 1],
    ["fails", () => Promise.reject(new Error("damaged")), 0],
  ])("uses an image, whose URL it revokes when that %s", async (_, decode, painted) => {
    vi.stubGlobal("createImageBitmap", undefined);
    const urls = countUrls();
    vi.stubGlobal(
      "Image",
      class {
        src = "";
        decode = () => {
          expect(urls.has(this.src)).toBe(true);
          return decode();
        };
      },
    );
    frames.attach(viewer);
    frames.offer(frame(1));
    await new Promise((resolve) => setTimeout(resolve));
    time.animate();
    expect(viewer).toHaveBeenCalledTimes(painted);
    expect(acks).toEqual([1]);
    expect(urls.size).toBe(0);
  });
});

describe("a stream that requests few acks", () => {
  it("gets each at the first animation frame when its picture is finished, and for all until then", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const sent: [number, number, number][] = [];
    const stream = new Frames((...ack) => sent.push(ack), 3);
    stream.attach(viewer);
    for (const index of [1, 2]) {
      stream.show(picture(), index);
      time.animate();
    }
    stream.requestAck(4);
    stream.show(picture(), 3);
    time.animate();
    expect(sent).toEqual([]);
    stream.show(picture(), 4);
    vi.advanceTimersByTime(12);
    time.animate();
    expect(sent).toEqual([[4, 12, 4]]);
    time.animate();
    expect(sent).toHaveLength(1);
    stream.close();
    vi.useRealTimers();
  });
});

describe("a stream that comes in bursts", () => {
  const seen: number[] = [];
  let stream: Frames;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
    seen.length = 0;
    stream = new Frames(() => {}, 3);
    stream.attach(({ width }) => seen.push(width));
    return () => {
      stream.close();
      vi.useRealTimers();
    };
  });
  const arrive = (...numbers: number[]) => {
    for (const index of numbers) stream.show({ ...picture(), width: index }, index);
  };
  const animate = (times = 1) => {
    for (let turn = 0; turn < times; turn += 1) {
      vi.advanceTimersByTime(1000 / 60);
      time.animate();
    }
  };

  it("shows each picture of a burst at an animation frame of its own", () => {
    arrive(1, 2, 3);
    animate(3);
    expect(seen).toEqual([1, 2, 3]);
    expect(time.animations).toBe(0);
  });

  it("drops the oldest of a longer one", () => {
    arrive(1, 2, 3, 4, 5);
    animate(3);
    expect(seen).toEqual([3, 4, 5]);
  });

  it("shows what a person waits for at once, and what comes after it as ever", () => {
    arrive(1, 2);
    stream.expect(4);
    arrive(3, 4);
    arrive(5, 6);
    animate(3);
    expect(seen).toEqual([4, 5, 6]);
    stream.offer({ ...frame(7), awaited: 5 });
    arrive(8);
    animate();
    expect(seen.at(-1)).toBe(8);
  });

  it("shows all of messages with three pictures that come late by up to two frames of the screen", () => {
    stream.close();
    stream = new Frames(() => {}, 5);
    stream.attach(({ width }) => seen.push(width));
    for (let message = 0; message < 100; message += 1) {
      const late = message % 3;
      animate(late);
      arrive(3 * message + 1, 3 * message + 2, 3 * message + 3);
      animate(3 - late);
    }
    animate(5);
    expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  });

  it("lets go of a delay that no burst needs", () => {
    arrive(1, 2, 3);
    for (let index = 4; index < 200; index += 1) {
      arrive(index);
      animate();
    }
    expect(seen.at(-1)).toBe(199);
    expect(seen.length).toBeGreaterThanOrEqual(196);
  });

  it("keeps the delay that each burst needs", () => {
    for (let index = 1; index < 600; index += 3) {
      arrive(index, index + 1, index + 2);
      animate(3);
    }
    expect(seen).toHaveLength(600);
  });
});
