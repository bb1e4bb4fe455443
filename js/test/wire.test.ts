import { describe, expect, it, vi } from "vitest";
import { send, TRAITS } from "../src/model.ts";
import { readCommon, watchKernel, watchMessages, watchTraits } from "../src/wire.ts";
import { bytes, FakeModel } from "./fakes.ts";

const FRAME = { type: "frame", index: 3, width: 640, height: 360, mime: "image/jpeg" };
const CHUNK = { type: "video", offset: 0, total: 9 };

describe("traits", () => {
  it("are told once for all that changed together, until one stops watching", async () => {
    const model = new FakeModel();
    const changed = vi.fn();
    const stop = watchTraits(model, TRAITS, changed);
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
    expect(readCommon(FRAME, [buffer])).toEqual({
      type: "frame",
      index: 3,
      mime: "image/jpeg",
      asks: true,
      awaited: null,
      data: bytes(7, 8, 9),
      moment: null,
    });
    expect(readCommon(CHUNK, [buffer])).toEqual({
      type: "chunk",
      offset: 0,
      total: 9,
      data: bytes(7, 8, 9),
    });
  });

  it("may be one that a person waits for", () => {
    for (const [told, awaited] of [
      [12.5, 12.5],
      [0, 0],
      [-3, 0],
      [null, null],
      [Number.NaN, null],
      ["x", null],
    ])
      expect(readCommon({ ...FRAME, awaited: told }, [bytes(1)])).toMatchObject({ awaited });
  });

  it("asks for an answer unless it says that it does not", () => {
    expect(readCommon({ ...FRAME, asks: false }, [bytes(1)])).toMatchObject({ asks: false });
    expect(readCommon({ ...FRAME, asks: null }, [bytes(1)])).toMatchObject({ asks: true });
  });

  it("may say that there is no video", () => {
    expect(readCommon({ type: "video", error: "file is gone" }, [])).toEqual({
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
    expect(readCommon(content, buffers)).toBeNull();
  });

  it("reaches the listener only if it is one of ours, until one stops watching", () => {
    const model = new FakeModel();
    const received = vi.fn();
    const stop = watchMessages(model, readCommon, received);
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
