import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import createWidget from "../src/widget.ts";
import { button, bytes, countUrls, FakeModel, fakeScreenTime, proxyOf, visibleText } from "./fakes.ts";

type Proxy = Parameters<ReturnType<typeof createWidget>["render"]>[0];

const VIDEO = { bytes: 3, mime: "video/mp4", playable: true };

let time: ReturnType<typeof fakeScreenTime>;
let urls: Set<string>;

beforeEach(() => {
  time = fakeScreenTime();
  urls = countUrls();
});
afterEach(() => vi.useRealTimers());

/** As anywidget does it: one widget per model, and a proxy of the model for each call. */
function open(model: FakeModel) {
  const widget = createWidget();
  const props = (el: HTMLElement) => ({ model: proxyOf(model), el }) as unknown as Proxy;
  const close = widget.initialize(props(document.createElement("div")));
  const show = (el = document.createElement("div")) => ({ el, remove: widget.render(props(el)) });
  return { show, close };
}

async function showFrame(model: FakeModel, index: number) {
  model.receiveFrame(index);
  await time.decodeNext();
  time.animate();
}

describe("the handshake", () => {
  it("says hello once for each view", () => {
    const model = new FakeModel();
    const { show } = open(model);
    expect(model.sent).toEqual([]);
    show();
    show();
    expect(model.sent).toEqual([{ type: "hello" }, { type: "hello" }]);
  });

  it("waits a second and a half before it says that the kernel hears nothing", () => {
    vi.useFakeTimers();
    const model = new FakeModel();
    model.deaf = true;
    const { el } = open(model).show();
    vi.advanceTimersByTime(1499);
    expect(button(el, "Stop")?.disabled).toBe(true);
    expect(visibleText(el)).not.toContain("interrupt");
    vi.advanceTimersByTime(1);
    expect(button(el, "Stop")).toBeNull();
    expect(visibleText(el)).toContain("use the kernel's ■ interrupt button.");
  });

  it("says hello again while nobody answers, for a while", () => {
    vi.useFakeTimers();
    const model = new FakeModel();
    model.deaf = true;
    open(model).show();
    vi.advanceTimersByTime(1500);
    expect(model.said("hello").length).toBe(2);
    vi.advanceTimersByTime(60_000);
    expect(model.said("hello").length).toBe(8);
  });

  it("brings the buttons when the kernel answers late", () => {
    vi.useFakeTimers();
    const model = new FakeModel();
    model.deaf = true;
    const { el } = open(model).show();
    vi.advanceTimersByTime(5000);
    model.receive({ type: "heard" });
    button(el, "Stop")?.click();
    expect(model.said("stop")).toEqual([{ type: "stop" }]);
    expect(visibleText(el)).not.toContain("interrupt");
  });
});

describe("a recording", () => {
  it("is painted as its traits change, and steered", async () => {
    const model = new FakeModel();
    const { el } = open(model).show();
    await model.set({ frame: 150, progress: 0.5 });
    expect(visibleText(el)).toContain("frame 150 / 300");
    button(el, "Pause")?.click();
    await model.set({ state: "paused" });
    button(el, "Resume")?.click();
    expect(model.sent.slice(1)).toEqual([{ type: "pause" }, { type: "resume" }]);
  });

  it("acknowledges what was shown", async () => {
    const model = new FakeModel();
    open(model).show();
    await showFrame(model, 7);
    expect(model.said("ack")).toEqual([{ type: "ack", index: 7 }]);
  });

  it("survives whatever comes over the wire", async () => {
    const model = new FakeModel();
    const { el } = open(model).show();
    for (const junk of [null, 1, "x", [], { type: "frame" }, { type: "video", offset: "0" }])
      model.receive(junk);
    model.trigger("msg:custom");
    await model.set({ state: { toString: 1 }, _size: "wide", _video: [], error: 5, frames: "all" });
    expect(visibleText(el)).toContain("Preparing…");
    expect(model.said("ack")).toEqual([]);
  });
});

describe("two views of one recording", () => {
  it("show one frame, acknowledged once, and a late one shows the last frame", async () => {
    const model = new FakeModel();
    const { show } = open(model);
    const first = show();
    await showFrame(model, 1);
    const second = show();
    const lit = (view: { el: Element }) => view.el.querySelector(".nbpipe-lit") !== null;
    expect([lit(first), lit(second)]).toEqual([true, true]);
    await showFrame(model, 2);
    expect(model.said("ack").map(({ index }) => index)).toEqual([1, 2]);
    first.remove();
    await showFrame(model, 3);
    expect(model.said("ack")).toHaveLength(3);
  });

  it("share one download, and a view that comes back plays without another", async () => {
    const model = new FakeModel();
    const { show } = open(model);
    const views = [show(), show()];
    await model.set({ state: "done", _video: VIDEO });
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2));
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2));
    expect(visibleText(views[1]?.el as Element)).toContain("loading video 66 %");
    model.receive({ type: "video", offset: 2, total: 3 }, bytes(3));
    for (const view of views) {
      expect(view.el.querySelector("video")).not.toBeNull();
      expect(button(view.el, "Download")).not.toBeNull();
      view.remove();
    }
    expect(urls.size).toBe(0);
    expect(show().el.querySelector("video")).not.toBeNull();
    expect(model.said("video").map(({ offset }) => offset)).toEqual([0, 2]);
  });
});

describe("the end", () => {
  it("asks for no video that cannot be played here", async () => {
    const model = new FakeModel();
    const { el } = open(model).show();
    await model.set({ state: "done", _video: { ...VIDEO, playable: false } });
    expect(model.said("video")).toEqual([]);
    expect(visibleText(el)).toContain("Too large to play here: open the file out.mp4");
  });

  it("says when the kernel cannot read the video", async () => {
    const model = new FakeModel({ state: "stopped", _video: VIDEO });
    const { el } = open(model).show();
    model.receive({ type: "video", error: "moved away" });
    expect(visibleText(el)).toContain("moved away");
  });

  it("keeps the picture and offers the file when the browser cannot play it", async () => {
    const model = new FakeModel({ state: "done", _video: VIDEO });
    const { el } = open(model).show();
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2, 3));
    el.querySelector("video")?.dispatchEvent(new Event("error"));
    expect(visibleText(el)).toContain("This browser cannot play the file");
    expect(button(el, "Download")).not.toBeNull();
  });
});

describe("a kernel that is gone", () => {
  it("is spoken of, and not spoken to", () => {
    const model = new FakeModel();
    const { el } = open(model).show();
    model.trigger("comm_live_update");
    button(el, "Stop")?.click();
    expect(visibleText(el)).toContain("The kernel is gone. What was recorded is in ");
    expect(model.said("stop")).toEqual([]);
  });

  it("leaves a reopened notebook its poster, and asks for nothing", () => {
    const model = new FakeModel({ state: "done", _video: VIDEO, _poster_mark: "abc=" });
    const host = document.createElement("div");
    host.className = "jupyter-widgets-disconnected";
    const { el } = open(model).show(host);
    expect(el.querySelector("style")?.textContent).toBe("");
    expect(el.querySelector<HTMLElement>(".nbpipe-screen")?.hidden).toBe(true);
    expect(model.sent).toEqual([]);
  });
});

describe("cleaning up", () => {
  it("brings the poster back and leaves nothing of a view", () => {
    vi.useFakeTimers();
    const model = new FakeModel({ _poster_mark: "abc=", state: "done", _video: VIDEO });
    const { show } = open(model);
    const before = model.listeners;
    const { el, remove } = show();
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2, 3));
    expect(el.querySelector("style")?.textContent).toContain('base64,abc="');
    expect(urls.size).toBe(1);
    remove();
    expect(el.childElementCount).toBe(0);
    expect([model.listeners, urls.size, vi.getTimerCount()]).toEqual([before, 0, 0]);
  });

  it("leaves nothing of a model, after a hundred views", async () => {
    const model = new FakeModel();
    const { show, close } = open(model);
    for (let round = 0; round < 100; round += 1) {
      const { remove } = show();
      await showFrame(model, round);
      remove();
    }
    await showFrame(model, 100); // Nobody is there to see it.
    expect(model.said("ack")).toHaveLength(100);
    expect(time.bitmaps.open).toBe(1);
    close();
    expect([model.listeners, time.bitmaps.open, urls.size]).toEqual([0, 0, 0]);
  });
});
