import { describe, expect, it, vi } from "vitest";
import {
  readMessage,
  readRecording,
  send,
  TRAITS,
  watchKernel,
  watchMessages,
  watchTraits,
} from "../src/model.ts";
import { bytes, FakeModel, TRAITS_OF_A_RECORDING } from "./fakes.ts";

const FRAME = { type: "frame", index: 3, width: 640, height: 360, mime: "image/jpeg" };
const CHUNK = { type: "video", offset: 0, total: 9 };

describe("the traits", () => {
  it("are the ones that the kernel sends", () => {
    expect([...TRAITS].sort()).toEqual(Object.keys(TRAITS_OF_A_RECORDING).sort());
  });

  it("are read as they are", () => {
    const video = { bytes: 9, mime: "video/mp4", playable: true };
    const read = readRecording(
      new FakeModel({ _video: video, _poster_mark: "Ab+/9==", eta: 0, frames: null }),
    );
    expect(read).toMatchObject({
      state: "recording",
      frame: 120,
      framesWritten: 118,
      size: [1280, 720],
      video,
    });
    expect(read).toMatchObject({ eta: 0, frames: null, posterMark: "Ab+/9==", name: "out.mp4" });
  });

  const JUNK = [
    undefined,
    null,
    -1,
    Number.NaN,
    1e308,
    "9",
    "<b>",
    [],
    [1],
    {},
    [["x"]],
    true,
    { bytes: -1 },
  ];
  it.each(JUNK)("read %j in every place without throwing, as something that can be painted", (junk) => {
    const read = readRecording(new FakeModel(Object.fromEntries(TRAITS.map((trait) => [trait, junk]))));
    expect(["pending", "recording"]).toContain(read.state);
    for (const number of [read.frame, read.progress, read.fps, read.bytes, read.elapsed, ...read.size]) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1e16);
    }
    expect(read.progress).toBeLessThanOrEqual(1);
    expect(typeof read.name).toBe("string");
    expect(read.video).toBeNull();
  });

  it.each(['x"]) { } * { display: none', "a b", "\\", "A".repeat(129)])(
    "refuse the poster mark %j",
    (mark) => {
      expect(readRecording(new FakeModel({ _poster_mark: mark })).posterMark).toBe("");
    },
  );

  it.each(["text/html", "image/svg+xml", "video/mp4;x=<"])("call %j nothing to play", (mime) => {
    const read = readRecording(new FakeModel({ _video: { bytes: 9, mime, playable: true } }));
    expect(read.video?.playable).toBe(false);
  });

  it("cut a text that would freeze the page", () => {
    expect(readRecording(new FakeModel({ error: "x".repeat(1e6) })).error.length).toBeLessThan(30_000);
  });

  it("are told once for all that changed together, until one stops watching", async () => {
    const model = new FakeModel();
    const changed = vi.fn();
    const stop = watchTraits(model, changed);
    await model.set({ frame: 1, fps: 2, bytes: 3 });
    expect(changed).toHaveBeenCalledTimes(1);
    model.trigger("change:frame");
    stop();
    await Promise.resolve();
    expect(changed).toHaveBeenCalledTimes(1);
    expect(model.listeners).toBe(0);
  });
});

describe("a message from the kernel", () => {
  const memory = bytes(0, 7, 8, 9, 0).buffer;
  it.each([
    ["a DataView", new DataView(memory, 1, 3)],
    ["a typed array", new Uint8Array(memory, 1, 3)],
    ["an ArrayBuffer", memory.slice(1, 4)],
  ])("brings its bytes as %s", (_, buffer) => {
    expect(readMessage(FRAME, [buffer])).toEqual({
      type: "frame",
      index: 3,
      mime: "image/jpeg",
      data: bytes(7, 8, 9),
    });
    expect(readMessage(CHUNK, [buffer])).toEqual({
      type: "chunk",
      offset: 0,
      total: 9,
      data: bytes(7, 8, 9),
    });
  });

  it("may say that there is no video", () => {
    expect(readMessage({ type: "video", error: "file is gone" }, [])).toEqual({
      type: "no-video",
      error: "file is gone",
    });
  });

  it.each([
    ["nothing", undefined, undefined],
    ["a string", "frame", [bytes(1)]],
    ["no type", {}, [bytes(1)]],
    ["an unknown type", { ...FRAME, type: "exec" }, [bytes(1)]],
    ["no buffer", FRAME, []],
    ["no list of buffers", FRAME, bytes(1)],
    ["an empty buffer", FRAME, [bytes()]],
    ["two buffers", FRAME, [bytes(1), bytes(2)]],
    ["a buffer that is text", FRAME, ["data:image/svg+xml,<svg/>"]],
    ["a negative index", { ...FRAME, index: -1 }, [bytes(1)]],
    ["an index that is not a number", { ...FRAME, index: Number.NaN }, [bytes(1)]],
    ["a text as index", { ...FRAME, index: "3" }, [bytes(1)]],
    ["a huge picture", { ...FRAME, width: 1e9 }, [bytes(1)]],
    ["an empty picture", { ...FRAME, height: 0 }, [bytes(1)]],
    ["an SVG", { ...FRAME, mime: "image/svg+xml" }, [bytes(1)]],
    ["a chunk before the file", { ...CHUNK, offset: -5 }, [bytes(1)]],
    ["a chunk of no file", { ...CHUNK, total: null }, [bytes(1)]],
    ["an error that is no text", { type: "video", error: { a: 1 } }, []],
  ])("is ignored: %s", (_, content, buffers) => {
    expect(readMessage(content, buffers)).toBeNull();
  });

  it("reaches the listener only if it is one of ours, until one stops watching", () => {
    const model = new FakeModel();
    const received = vi.fn();
    const stop = watchMessages(model, received);
    model.receive({ type: "who knows" });
    model.receive(FRAME, bytes(1));
    expect(received).toHaveBeenCalledTimes(1);
    stop();
    model.receive(FRAME, bytes(1));
    expect(received).toHaveBeenCalledTimes(1);
  });
});

describe("the kernel behind a view", () => {
  it("was never there if ipywidgets has marked the view so", () => {
    const view = document.createElement("div");
    const gone = vi.fn();
    watchKernel(new FakeModel(), view, gone);
    expect(gone).not.toHaveBeenCalled();
    view.className = "jupyter-widgets-disconnected";
    watchKernel(new FakeModel(), view, gone);
    expect(gone).toHaveBeenCalledTimes(1);
  });

  it.each(["comm_live_update", "comm:close", "destroy"])("is gone after %s", (event) => {
    const model = new FakeModel();
    const gone = vi.fn();
    const stop = watchKernel(model, document.createElement("div"), gone);
    model.trigger(event);
    expect(gone).toHaveBeenCalledTimes(1);
    stop();
    expect(model.listeners).toBe(0);
  });

  it("may be too dead to be spoken to", () => {
    const model = new FakeModel();
    vi.spyOn(model, "send").mockImplementation(() => {
      throw new Error("Cannot send");
    });
    expect(() => send(model, { type: "stop" })).not.toThrow();
  });
});
