import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import createPreview from "../src/preview.ts";
import {
  act,
  button,
  bytes,
  countUrls,
  FakeModel,
  fakeScreenTime,
  fakeSight,
  proxyOf,
  rests,
  TRAITS_OF_A_PREVIEW,
  TRAITS_OF_A_RECORDING,
  visibleText,
} from "./fakes.ts";

type Proxy = Parameters<ReturnType<typeof createPreview>["render"]>[0];

const VIDEO = { bytes: 3, mime: "video/mp4", playable: true };

let time: ReturnType<typeof fakeScreenTime>;
let sight: ReturnType<typeof fakeSight>;
let urls: Set<string>;
let model: FakeModel;
/** Each test closes what it opened: its timers would else go on into the next. */
const opened: (() => void)[] = [];

beforeEach(() => {
  time = fakeScreenTime();
  sight = fakeSight();
  urls = countUrls();
  model = new FakeModel({}, TRAITS_OF_A_PREVIEW);
});
afterEach(() => {
  for (const close of opened.splice(0)) close();
  vi.useRealTimers();
  document.body.replaceChildren();
});

/** As anywidget does it: one widget per model, and a proxy of the model for each call. */
function open() {
  const widget = createPreview();
  const props = (el: HTMLElement) => ({ model: proxyOf(model), el }) as unknown as Proxy;
  const close = widget.initialize(props(document.createElement("div")));
  opened.push(close);
  const show = (el = document.createElement("div")) => {
    document.body.append(el);
    return { el, remove: widget.render(props(el)) };
  };
  return { show, close };
}

/** One view, in sight, to which the kernel has answered. */
async function live() {
  const { show, close } = open();
  const view = show();
  await greeted();
  sight.scroll(true);
  return { ...view, show, close };
}

/** The browser has told what it can decode. */
const greeted = async () => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

async function showFrame(index: number, moment = {}) {
  model.receive({ type: "frame", index, width: 4, height: 2, mime: "image/jpeg", ...moment }, bytes(index));
  await time.decodeNext();
  time.animate();
}
const acks = () => model.said("ack").map(({ index }) => index);
const enabled = (root: Element) =>
  root.querySelectorAll("button:not(:disabled), input:not(:disabled), select:not(:disabled)");

describe("the handshake", () => {
  it("names the page and what it decodes, and tells whether it is seen", async () => {
    await live();
    const [hello, ...others] = model.said("hello");
    expect(others).toEqual([]);
    expect(hello).toEqual({
      type: "hello",
      client: expect.stringMatching(/^[A-Za-z0-9]{8,32}$/),
      codecs: [],
    });
    expect(model.said("look")).toEqual([{ type: "look", client: hello?.client, visible: true }]);
  });

  it("is repeated while nobody answers, and till then nothing can be pressed", async () => {
    vi.useFakeTimers();
    model.deaf = true;
    const { el } = open().show();
    await vi.advanceTimersByTimeAsync(1499);
    expect(visibleText(el)).not.toContain("busy");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(model.said("hello")).toHaveLength(8);
    expect(visibleText(el)).toContain("The kernel is busy");
    expect(enabled(el)).toHaveLength(0);
    model.hear();
    expect(visibleText(el)).not.toContain("busy");
    expect(enabled(el).length).toBeGreaterThan(10);
  });

  it("is not answered by what answers another page's", async () => {
    vi.useFakeTimers();
    model.deaf = true;
    open().show();
    await vi.advanceTimersByTimeAsync(10);
    model.receive({ type: "heard", client: "another page" });
    await vi.advanceTimersByTimeAsync(1500);
    expect(model.said("hello").length).toBeGreaterThan(1);
    model.hear();
    const hellos = model.said("hello").length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(model.said("hello")).toHaveLength(hellos);
  });

  it("comes before all else: nothing that is said sooner could overtake it", async () => {
    model.deaf = true;
    const { show } = open();
    show();
    await greeted();
    sight.scroll(true);
    sight.scroll(false);
    await showFrame(1);
    model.receive({ type: "packets", pictures: [[2, 0, 2]], asks: true }, bytes(2));
    time.animate();
    expect(new Set(model.sent.map(({ type }) => type))).toEqual(new Set(["hello"]));
    model.hear();
    expect(model.said("look").map(({ visible }) => visible)).toEqual([false]);
  });

  it("is looked for again when time runs and no picture comes, as one may have been lost", async () => {
    vi.useFakeTimers();
    await model.set({ playing: true });
    open().show();
    await vi.advanceTimersByTimeAsync(10);
    sight.scroll(true);
    const looks = () => model.said("look").length;
    const before = looks();
    await vi.advanceTimersByTimeAsync(7000);
    expect(looks()).toBe(before + 2);
    await model.set({ playing: false });
    await vi.advanceTimersByTimeAsync(7000);
    expect(looks()).toBe(before + 2);
    await model.set({ playing: true });
    sight.scroll(false);
    const hidden = looks();
    await vi.advanceTimersByTimeAsync(7000);
    expect(looks()).toBe(hidden);
  });

  it("tells of a view that was out of sight before the kernel was spoken to", async () => {
    const { show } = open();
    show();
    sight.scroll(false);
    model.receive({ type: "packets", pictures: [[1, 0, 1]] }, bytes(1));
    expect(model.sent).toEqual([]);
    await greeted();
    expect(model.sent.map(({ type, visible }) => [type, visible])).toEqual([
      ["hello", undefined],
      ["look", false],
    ]);
  });

  it("is not made anew by a second view", async () => {
    const { show } = await live();
    show();
    await greeted();
    expect(model.said("hello")).toHaveLength(1);
  });
});

describe("the picture", () => {
  it("is shown, acknowledged, and carries the time of what it shows", async () => {
    const { el } = await live();
    expect(visibleText(el)).toContain("Drawing the first picture…");
    await showFrame(7, { time: 5.5, frame: 321 });
    expect(acks()).toEqual([7]);
    expect(visibleText(el)).toContain("5.50 / 10.00 s");
    expect(visibleText(el)).toContain("Shader · 640×360 · frame 321 · 59 fps");
    expect(visibleText(el)).not.toContain("first picture");
  });

  it("is not acknowledged while no view is in sight, then the newest is shown", async () => {
    const { el } = await live();
    sight.scroll(false);
    for (const index of [3]) await showFrame(index);
    expect(acks()).toEqual([]);
    sight.scroll(true);
    await time.decodeNext();
    time.animate();
    expect(acks()).toEqual([3]);
    expect(el.querySelector(".nbpipe-lit")).not.toBeNull();
  });

  it("is looked at as long as one view is in sight and the page is", async () => {
    const { show } = await live();
    show();
    sight.scroll(true);
    sight.scroll(false, 0);
    const looks = () => model.said("look").map(({ visible }) => visible);
    expect(looks()).toEqual([true]);
    const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(looks()).toEqual([true, false]);
    visibility.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(looks()).toEqual([true, false, true]);
  });

  it("stays while the scene has an error, which is text", async () => {
    const { el } = await live();
    await showFrame(1);
    await model.set({ error: "line 3: <img src=x onerror=alert(1)>" });
    expect(el.querySelector(".nbpipe-lit")).not.toBeNull();
    expect(visibleText(el)).toContain("line 3: <img");
    expect(el.querySelector("img")).toBeNull();
    expect(el.querySelector('[role="status"]')?.textContent).toBe("Shader has an error");
  });

  it("falls back to single pictures when the stream cannot be decoded", async () => {
    const { el } = await live();
    const packet = { type: "packets", key: { codec: "avc1.42E01F", width: 4, height: 2 } };
    model.receive({ ...packet, pictures: [[1, 0, 1]] }, bytes(1), bytes(2));
    model.receive({ ...packet, pictures: [[2, 0.5, 2]] }, bytes(1), bytes(2));
    const { client } = model.said("hello")[0] ?? {};
    expect(model.said("lost")).toContainEqual({ type: "lost", client, index: 1 });
    await showFrame(3);
    expect(acks()).toEqual([3]);
    await model.set({ _stream: "jpeg" });
    expect(visibleText(el)).toContain("JPEG");
  });
});

describe("a person's wishes", () => {
  it("go once per animation frame, the newest of each", async () => {
    const { el } = await live();
    const line = el.querySelector<HTMLInputElement>('[aria-label="Time"]') as HTMLInputElement;
    const gain = el.querySelector<HTMLInputElement>('[aria-label="gain"]') as HTMLInputElement;
    for (const value of ["1", "2", "3"]) {
      line.value = value;
      act(line, "input");
      gain.value = String(Number(value) / 10);
      act(gain, "input");
    }
    expect(model.said("set")).toEqual([]);
    time.animate();
    expect(model.said("set")).toEqual([{ type: "set", name: "time", value: 3 }]);
    expect(model.said("param")).toEqual([{ type: "param", name: "gain", value: 0.3 }]);
  });

  it("go before what was pressed after them", async () => {
    const { el } = await live();
    const line = el.querySelector<HTMLInputElement>('[aria-label="Time"]') as HTMLInputElement;
    line.value = "4";
    act(line, "input");
    button(el, "Record")?.click();
    expect(model.sent.slice(-2).map(({ type }) => type)).toEqual(["set", "record"]);
  });

  it("on the picture go as events, in its pixels", async () => {
    const { el } = await live();
    const canvas = el.querySelector("canvas") as HTMLCanvasElement;
    canvas.getBoundingClientRect = () => new DOMRect(0, 0, 320, 180);
    canvas.setPointerCapture = () => {};
    act(canvas, "pointerdown", { buttons: 1, clientX: 160, clientY: 90 });
    const events = model.said("events").flatMap(({ events: some }) => some);
    expect(events).toMatchObject([{ type: "focus_in" }, { type: "pointer_down", x: 320, y: 180 }]);
  });

  it("are followed by a word that hurries the picture along, unless it has come", async () => {
    vi.useFakeTimers();
    const { el } = await live();
    const looks = () => model.said("look").length - before;
    const before = model.said("look").length;
    const packets = { type: "packets", pictures: [[1, 0, 1]] };
    for (const [answer, words] of [
      [packets, 2],
      [{ ...packets, awaited: 9 }, 0],
      [{ type: "frame", index: 2, width: 4, height: 2, mime: "image/jpeg", awaited: 9 }, 0],
    ] as const) {
      const said = looks();
      el.querySelector<HTMLButtonElement>('[title="Step forward"]')?.click();
      vi.advanceTimersByTime(18);
      expect(looks()).toBe(said);
      model.receive(answer, bytes(1));
      vi.advanceTimersByTime(500);
      expect(looks()).toBe(said + words);
    }
    expect(model.said("look").at(-1)).toMatchObject({ visible: true });
    const said = looks();
    button(el, "Take")?.click();
    vi.advanceTimersByTime(500);
    expect(looks()).toBe(said);
  });

  it("are dropped when the widget is closed before they have gone", async () => {
    vi.useFakeTimers();
    const { el, close } = await live();
    const speed = el.querySelector<HTMLSelectElement>('[aria-label="Speed"]') as HTMLSelectElement;
    speed.value = "2";
    speed.dispatchEvent(new Event("change"));
    close();
    const said = model.sent.length;
    time.animate();
    vi.advanceTimersByTime(500);
    expect(model.sent.length).toBe(said);
  });

  it("by plain keys on a control stay in the widget; Escape, and keys with Control, go on", async () => {
    const { el } = await live();
    const line = el.querySelector('[aria-label="Time"]') as Element;
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    act(line, "keydown", { key: "x" });
    act(line, "keydown", { key: "ArrowDown" });
    expect(outside).not.toHaveBeenCalled();
    act(line, "keydown", { key: "Escape" });
    act(line, "keydown", { key: "s", ctrlKey: true });
    expect(outside).toHaveBeenCalledTimes(2);
    document.body.removeEventListener("keydown", outside);
  });
});

describe("the picture", () => {
  it("is what a keyboard reaches, and a screen reader leaves its keys to the scene", async () => {
    const { el } = await live();
    const canvas = el.querySelector("canvas");
    expect(canvas?.getAttribute("role")).toBe("application");
    expect(canvas?.getAttribute("aria-label")).toContain("Escape leaves it");
    expect(canvas?.tabIndex).toBe(0);
  });
});

describe("a take", () => {
  const dropper = (el: HTMLElement) => el.querySelector<HTMLButtonElement>('[aria-label="Drop the take"]');

  it("is switched on and off, counts its seconds, and is told when it is over", async () => {
    vi.useFakeTimers();
    const { el } = await live();
    button(el, "Take")?.click();
    await model.set({ taking: true });
    vi.advanceTimersByTime(3200);
    expect(visibleText(el)).toContain("● 3.2 s");
    button(el, "Take")?.click();
    expect(model.said("take").map(({ on }) => on)).toEqual([true, false]);
    await model.set({ taking: false, _take: { duration: 4.21, entries: 8 } });
    expect(visibleText(el)).toContain("take: 4.2 s");
  });

  it("is what the Record button makes a video of, until a person drops it", async () => {
    const { el } = await live();
    expect(dropper(el)?.hidden).toBe(true);
    await model.set({ _take: { duration: 4.21, entries: 8 } });
    expect(button(el, "Record take")?.title).toBe("Make a video of your take");
    dropper(el)?.click();
    expect(model.said("drop")).toHaveLength(1);
    expect(dropper(el)?.hidden).toBe(true);
    expect(document.activeElement).toBe(button(el, "Take"));
    await model.set({ _take: null });
    expect(button(el, "Record")?.title).toBe("Make a video of the scene as it is now");
  });

  it("that is being made hides the one before, which cannot be dropped meanwhile", async () => {
    const { el } = await live();
    await model.set({ _take: { duration: 4.21, entries: 8 }, taking: true });
    expect(dropper(el)?.hidden).toBe(true);
  });
});

describe("a recording", () => {
  const record = (changes = {}) => model.set({ _recording: { ...TRAITS_OF_A_RECORDING, ...changes } });

  it("is started once, steered, and shows its progress in the same widget", async () => {
    const { el } = await live();
    expect(el.querySelector('[role="progressbar"]')).toBeNull();
    button(el, "Record")?.click();
    button(el, "Record")?.click();
    expect(model.said("record")).toHaveLength(1);
    await record({ state: "pending", frame: 0 });
    await record();
    expect(visibleText(el)).toContain("frame 120 / 300 · 84 fps");
    expect(rests(button(el, "Record"))).toBe(true);
    button(el, "Pause")?.click();
    button(el, "Stop")?.click();
    expect(model.said("pause")).toHaveLength(1);
    expect(model.said("stop")).toHaveLength(1);
    await record({ state: "failed", error: "disk is full" });
    expect(visibleText(el)).toContain("disk is full");
    expect(rests(button(el, "Record"))).toBe(false);
  });

  it("plays when it is done, and can be downloaded; the next one starts afresh", async () => {
    const { el, remove } = await live();
    await record();
    await record({ state: "done", _video: VIDEO });
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2, 3));
    expect(el.querySelector("video")).not.toBeNull();
    expect(button(el, "Download")).not.toBeNull();
    await record({ state: "pending", frame: 0 });
    expect(el.querySelector("video")).toBeNull();
    expect(urls.size).toBe(0);
    await record({ state: "done", _video: VIDEO });
    model.receive({ type: "video", offset: 0, total: 3 }, bytes(1, 2, 3));
    expect(model.said("video")).toHaveLength(2);
    remove();
    expect(urls.size).toBe(0);
  });

  it("that cannot be played is named, in the place of a player", async () => {
    const { el } = await live();
    await record({ state: "stopped", _video: { ...VIDEO, playable: false } });
    expect(model.said("video")).toEqual([]);
    expect(visibleText(el)).toContain("Too large to play here: open the file out.mp4");
    expect(el.querySelector<HTMLElement>(".nbpipe-made .nbpipe-screen")?.hidden).toBe(true);
  });
});

describe("a kernel that is gone", () => {
  it("is spoken of, and not spoken to", async () => {
    const { el } = await live();
    const before = model.sent.length;
    model.trigger("comm:close");
    expect(visibleText(el)).toContain("The kernel is gone; run the cell again.");
    expect(enabled(el)).toHaveLength(0);
    act(el.querySelector("canvas") as Element, "keydown", { key: "a" });
    expect(model.sent).toHaveLength(before);
  });

  it("leaves a reopened notebook its poster, and is asked for nothing", async () => {
    await model.set({
      _poster_mark: "abc=",
      _recording: { ...TRAITS_OF_A_RECORDING, state: "done", _video: VIDEO },
    });
    const host = document.createElement("div");
    host.className = "jupyter-widgets-disconnected";
    const { el } = open().show(host);
    await greeted();
    expect(el.querySelector("style")?.textContent).toBe("");
    expect(el.querySelector<HTMLElement>(".nbpipe-stage")?.hidden).toBe(true);
    expect(model.sent).toEqual([]);
  });
});

it("survives whatever comes over the wire", async () => {
  const { el } = await live();
  for (const junk of [
    null,
    1,
    "x",
    [],
    { type: "frame" },
    { type: "packets", pictures: [[1]], key: true },
    { type: "packets", pictures: 1 },
    { type: "video" },
  ]) {
    model.receive(junk);
  }
  const traits = Object.keys(TRAITS_OF_A_PREVIEW);
  for (const junk of [null, undefined, Number.NaN, "<b>x</b>", [null], { a: [] }, -1, 1e308]) {
    await model.set(Object.fromEntries(traits.map((trait) => [trait, junk])));
  }
  expect(el.querySelector("b")).toBeNull();
  expect(acks()).toEqual([]);
});

describe("cleaning up", () => {
  it("brings the poster back and leaves nothing of a view", async () => {
    vi.useFakeTimers();
    await model.set({ _poster_mark: "abc=", taking: true, _recording: TRAITS_OF_A_RECORDING });
    const { show } = open();
    const before = model.listeners;
    const { el, remove } = show();
    await vi.advanceTimersByTimeAsync(10);
    sight.scroll(true);
    expect(el.querySelector("style")?.textContent).toContain('base64,abc="');
    button(el, "Take")?.click();
    remove();
    expect(el.childElementCount).toBe(0);
    expect([model.listeners, sight.watched, urls.size, vi.getTimerCount()]).toEqual([before, 0, 0, 0]);
    expect(model.said("look").at(-1)).toMatchObject({ visible: false });
  });

  it("leaves nothing of a model, after fifty views", async () => {
    const { show, close } = open();
    for (let round = 0; round < 50; round += 1) {
      const { remove } = show();
      await greeted();
      sight.scroll(true);
      await showFrame(round);
      remove();
    }
    await vi.waitFor(() => expect(acks().at(-1)).toBe(49));
    expect(time.bitmaps.open).toBe(1);
    close();
    expect([model.listeners, time.bitmaps.open, sight.watched]).toEqual([0, 0, 0]);
  });
});
