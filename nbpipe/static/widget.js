/* nbpipe's notebook front end, built from js/ by `make js`: edit js/src/, not this file. */

// src/elements.ts
function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
var ICONS = {
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  resume: "M4.5 2.8v10.4L13 8z",
  stop: "M3.5 3.5h9v9h-9z",
  download: "M7.2 2h1.6v5.9l2.3-2.3 1.1 1.1L8 10.9 3.8 6.7l1.1-1.1 2.3 2.3zM3 12.4h10V14H3z",
  back: "M3.5 3h2v10h-2zM13 3v10L6.5 8z",
  forward: "M10.5 3h2v10h-2zM3 3v10l6.5-5z",
  loop: "M4 3h6V1.2L13.6 4 10 6.8V5H5v3H3V4a1 1 0 0 1 1-1zM12 13H6v1.8L2.4 12 6 9.2V11h5V8h2v4a1 1 0 0 1-1 1z",
  record: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  take: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM8 6a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  drop: "M4.3 3.2 8 6.9l3.7-3.7 1.1 1.1L9.1 8l3.7 3.7-1.1 1.1L8 9.1l-3.7 3.7-1.1-1.1L6.9 8 3.2 4.3z",
  corner: "M13.5 4.6v1.5L6.1 13.5H4.6zM13.5 9.3v1.5l-2.7 2.7H9.3z"
};
var SVG = "http://www.w3.org/2000/svg";
function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("class", "nbpipe-icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}
function label(name) {
  return make("span", "nbpipe-label", name);
}
function makeButton(name, iconName) {
  const button = make("button", "nbpipe-button", icon(iconName), label(name));
  button.type = "button";
  return button;
}
function rest(button, resting) {
  if (resting) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}
function onPress(button, press) {
  button.addEventListener("click", () => {
    if (!button.hasAttribute("aria-disabled")) press();
  });
}
function write(element, text2) {
  if (element.textContent !== text2) element.textContent = text2;
  element.hidden = text2 === "";
}

// src/entry.ts
function createEntry(openSession2, openView2) {
  let session = null;
  return {
    initialize({ model }) {
      session = openSession2(model);
      return () => session?.close();
    },
    render({ model, el }) {
      session ??= openSession2(model);
      return openView2(session, model, el);
    }
  };
}

// src/words.ts
var WISHES = { stop: "Stopping…", pause: "Pausing…", resume: "Resuming…" };
function stateWords(recording, wish, gone = false) {
  if (gone && isActive(recording)) return "Disconnected";
  if (wish) return WISHES[wish];
  switch (recording.state) {
    case "pending":
      return "Preparing…";
    case "recording":
      return "Rendering";
    case "paused":
      return `Paused at frame ${recording.frame}`;
    case "finishing":
      return recording.synced ? "Closing the file" : `Writing the last ${frames(recording.queued)}`;
    case "done":
      return "Done";
    case "stopped":
      return `Stopped after ${frames(recording.frame)}`;
    case "failed":
      return "Failed";
  }
}
function limitWords({ state, bottleneck }) {
  return state === "recording" && bottleneck ? `${bottleneck} is the limit` : "";
}
var KERNEL_GONE = "The kernel is gone; run the cell again.";
function hintWords(recording, { gone, heard, young, film, unplayable, beneath }) {
  const { state, video: video2, name } = recording;
  if (gone && isActive(recording) && recording.frame > 0) {
    return `The kernel is gone. What was recorded is in ${name}, or, if the kernel was killed, in a hidden .partial file beside it.`;
  }
  if (gone && (isActive(recording) || video2?.playable && film.kind !== "here")) return KERNEL_GONE;
  if ((state === "recording" || state === "paused") && !heard && !young) {
    return "This kernel hears the browser only between cells: to stop, use the kernel's ■ interrupt button.";
  }
  if (beneath && isActive(recording)) {
    return "The preview stands still meanwhile; what is set now shows afterwards.";
  }
  if (!hasFile(recording) || !video2) return "";
  if (!video2.playable) {
    const why = PLAYED.includes(video2.mime) ? "Too large to play here" : "Browsers do not play this kind of file";
    return `${why}: open the file ${name} (${fileSize(video2.bytes)}).`;
  }
  if (film.kind === "lost") return `The video could not be loaded (${film.reason}): open the file ${name}.`;
  if (unplayable) return "This browser cannot play the file: download it and open it in a player.";
  return "";
}
var PLAYED = ["video/mp4", "video/webm"];
function isActive({ state }) {
  return state === "pending" || state === "recording" || state === "paused" || state === "finishing";
}
function hasFile({ state }) {
  return state === "done" || state === "stopped";
}
function numberWords(recording, gone = false) {
  const { state, frame, eta, fps, bytes, elapsed } = recording;
  const parts = [];
  if (state === "done" || state === "stopped") {
    parts.push(`${frames(frame)} in ${clock(elapsed)}`, speed(fps));
  } else if (gone) {
    parts.push(position(recording));
  } else {
    parts.push(position(recording));
    if (state === "recording") parts.push(speed(fps));
    if (state !== "paused" && eta !== null) parts.push(`${clock(eta)} left`);
  }
  parts.push(bytes > 0 ? fileSize(bytes) : "");
  return joined(parts);
}
function detailWords({ name, size: size2, rate, encoder, note }) {
  return joined([name, `${size2[0]}×${size2[1]}`, rateWords(rate), encoder, note]);
}
function rendererWords({ renderer, software }) {
  const short = renderer.replace(/ \(.*$/, "").replace(/\/.*$/, "").trim();
  return software ? `software: ${short || "Mesa"}` : short;
}
function rendererTitle({ renderer, software }) {
  return software ? `No GPU is used: Mesa draws on the processor (${renderer})` : `Rendered by ${renderer}`;
}
function position({ frame, frames: total }) {
  return total === null ? `frame ${frame}` : `frame ${frame} / ${total}`;
}
function clock(seconds) {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = `${hours ? String(minutes).padStart(2, "0") : minutes}:${String(whole % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}
function fileSize(bytes) {
  if (bytes < 1e3) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1e3;
  while (value >= 999.95 && units.length > 1) {
    value /= 1e3;
    units.shift();
  }
  return `${value.toFixed(units[0] === "kB" ? 0 : 1)} ${units[0]}`;
}
function frames(count2) {
  return count2 === 1 ? "1 frame" : `${count2} frames`;
}
var speed = (fps) => fps > 0 ? `${fps < 9.95 ? fps.toFixed(1) : Math.round(fps)} fps` : "";
var joined = (parts) => parts.filter(Boolean).join(" · ");
function rateWords(rate) {
  const [over, under = 1] = rate.split("/").map(Number);
  const value = Number(over) / under;
  return value > 0 && Number.isFinite(value) ? `${Number(value.toFixed(3))} fps` : "";
}

// src/film.ts
var PATIENCE = 2e3;
var Film = class {
  status = { kind: "idle" };
  #ask;
  #changed;
  #video = null;
  #chunks = [];
  #received = 0;
  #timer;
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }
  /** Starts fetching, the first time. */
  want(video2) {
    if (this.#video) return;
    this.#video = video2;
    this.status = { kind: "loading", share: 0 };
    this.#request(PATIENCE);
    this.#changed();
  }
  take({ offset, total, data }) {
    const video2 = this.#video;
    if (!video2 || this.status.kind !== "loading") return;
    const end = offset + data.byteLength;
    if (offset !== this.#received || total !== video2.bytes || end > total) return;
    this.#chunks.push(data);
    this.#received = end;
    if (end < total) {
      this.status = { kind: "loading", share: end / total };
      this.#request(PATIENCE);
    } else {
      this.status = { kind: "here", blob: new Blob(this.#chunks, { type: video2.mime }) };
      this.close();
    }
    this.#changed();
  }
  fail(reason) {
    if (this.status.kind !== "loading") return;
    this.status = { kind: "lost", reason };
    this.close();
    this.#changed();
  }
  /** Asks for nothing more, and forgets what is not whole. */
  close() {
    clearTimeout(this.#timer);
    this.#chunks = [];
  }
  #request(patience) {
    clearTimeout(this.#timer);
    this.#ask(this.#received);
    this.#timer = setTimeout(() => {
      this.#request(2 * patience);
    }, patience);
  }
};
function fetchWhenWhole(film, recording) {
  if (hasFile(recording) && recording.video?.playable) film.want(recording.video);
}

// src/frames.ts
var MOST_REQUESTED = 64;
var WATCHED = 1e3;
var Frames = class {
  #ack;
  #depth;
  #viewers = /* @__PURE__ */ new Set();
  #waiting = null;
  #decoding = false;
  /** Decoded, the oldest first. */
  #ready = [];
  #picture = null;
  #newest = -1;
  /** Since the last ack. */
  #shown = 0;
  /** The newest picture that is ready, shown or dropped, and since when. */
  #finished = -1;
  #finishedAt = 0;
  /** The pictures for which one is requested and not sent, in order. */
  #acksRequested = [];
  /** The newest that a person waits for. */
  #awaited = -1;
  #watched = Number.NEGATIVE_INFINITY;
  #least = Number.POSITIVE_INFINITY;
  #animation = null;
  #closed = false;
  /** `depth`: how many pictures may wait for the screen. */
  constructor(ack, depth = 1) {
    this.#ack = ack;
    this.#depth = depth;
  }
  offer(frame) {
    if (this.#closed) return;
    if (frame.asks) this.requestAck(frame.index);
    if (frame.awaited !== null) this.expect(frame.index);
    if (this.#waiting) this.finished(this.#waiting.index);
    this.#waiting = frame;
    this.#decodeNext();
  }
  /** An ack is due when picture `index` is finished. */
  requestAck(index) {
    this.#acksRequested.push(index);
    if (this.#acksRequested.length > MOST_REQUESTED) this.#acksRequested.shift();
    this.#schedule();
  }
  /** Takes over a decoded picture. */
  show(picture, index) {
    if (this.#closed || index < this.#newest) {
      picture.close();
    } else {
      this.#newest = index;
      this.#ready.push(picture);
      this.#keep(index <= this.#awaited ? 1 : this.#depth);
    }
    this.finished(index);
  }
  /** Picture `index` is ready for the screen, or will never be shown. */
  finished(index) {
    if (index > this.#finished) {
      this.#finished = index;
      this.#finishedAt = performance.now();
    }
    this.#schedule();
  }
  /** A person waits for picture `index`. */
  expect(index) {
    this.#awaited = index;
  }
  /** Shows the last picture at once, if there is one, and each later one. Returns the way to stop. */
  attach(viewer) {
    this.#viewers.add(viewer);
    if (this.#picture) viewer(this.#picture);
    this.#decodeNext();
    this.#schedule();
    return () => {
      this.#viewers.delete(viewer);
    };
  }
  close() {
    this.#closed = true;
    this.#waiting = null;
    this.#keep(0);
    this.#picture?.close();
    this.#picture = null;
    this.#viewers.clear();
    if (this.#animation !== null) cancelAnimationFrame(this.#animation);
  }
  #decodeNext() {
    const frame = this.#waiting;
    if (!frame || this.#decoding || this.#viewers.size === 0) return;
    this.#waiting = null;
    this.#decoding = true;
    decode(frame).then(
      (picture) => this.show(picture, frame.index),
      // A damaged image is thrown away like a late one; the next one may be whole.
      () => this.finished(frame.index)
    ).finally(() => {
      this.#decoding = false;
      this.#decodeNext();
    });
  }
  /** Drops the oldest that wait, until so many are left. */
  #keep(most) {
    for (const picture of this.#ready.splice(0, this.#ready.length - most)) picture.close();
  }
  get #ackDue() {
    const [first] = this.#acksRequested;
    return first !== void 0 && first <= this.#finished;
  }
  #schedule() {
    const due = this.#ready.length > 0 || this.#ackDue;
    if (!due || this.#closed || this.#viewers.size === 0 || this.#animation !== null) return;
    this.#animation = requestAnimationFrame(() => {
      this.#animation = null;
      if (this.#viewers.size === 0) return;
      this.#paint();
      if (this.#ackDue) this.#acknowledge();
      this.#schedule();
    });
  }
  #acknowledge() {
    const shown = this.#shown;
    this.#shown = 0;
    this.#acksRequested = this.#acksRequested.filter((index) => index > this.#finished);
    this.#ack(this.#finished, Math.round(performance.now() - this.#finishedAt), shown);
  }
  #paint() {
    const next = this.#ready.shift();
    if (!next) return;
    this.#picture?.close();
    this.#picture = next;
    for (const viewer of this.#viewers) viewer(next);
    this.#shown += 1;
    this.#least = Math.min(this.#least, this.#ready.length);
    const now = performance.now();
    if (now < this.#watched + WATCHED) return;
    if (Number.isFinite(this.#watched)) this.#keep(this.#ready.length - this.#least);
    this.#watched = now;
    this.#least = Number.POSITIVE_INFINITY;
  }
};
async function decode({ data, mime, moment }) {
  const blob = new Blob([data], { type: mime });
  if (typeof createImageBitmap === "function") {
    const bitmap = await createImageBitmap(blob);
    return {
      source: bitmap,
      width: bitmap.width,
      height: bitmap.height,
      moment,
      close: () => bitmap.close()
    };
  }
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    return { source: image, width, height, moment, close: () => {
    } };
  } finally {
    URL.revokeObjectURL(url);
  }
}

// src/hello.ts
var PATIENCE2 = 1500;
var HELLOS = 8;
function sayHello({ say, over, waited: waited2 }) {
  let hellos = 0;
  const next = () => {
    hellos += 1;
    say();
  };
  const timer = setInterval(() => {
    waited2();
    if (over() || hellos === HELLOS) clearInterval(timer);
    else next();
  }, PATIENCE2);
  next();
  return () => clearInterval(timer);
}

// src/guards.ts
function bytesOf(buffers, count2) {
  if (!Array.isArray(buffers) || buffers.length !== count2) return null;
  const all = buffers.map(viewOf).filter((one) => one !== null);
  return all.length === count2 ? all : null;
}
function viewOf(buffer) {
  if (ArrayBuffer.isView(buffer)) {
    const { buffer: memory2, byteOffset, byteLength } = buffer;
    return byteLength > 0 ? new Uint8Array(memory2, byteOffset, byteLength) : null;
  }
  if (Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]") return null;
  const memory = buffer;
  return memory.byteLength > 0 ? new Uint8Array(memory) : null;
}
var MAX_TEXT = 2e4;
var MAX_SIDE = 8192;
var isObject = (value) => typeof value === "object" && value !== null;
var isNumber = (value) => typeof value === "number" && Math.abs(value) < 1e15;
var isCount = (value) => Number.isSafeInteger(value) && value >= 0;
var isSide = (value) => isCount(value) && value > 0 && value <= MAX_SIDE;
var amount = (value) => isNumber(value) && value > 0 ? value : 0;
var count = (value) => Math.floor(amount(value));
var text = (value) => typeof value === "string" ? value.slice(0, MAX_TEXT) : "";
var oneOf = (words, value, otherwise) => words.find((known) => known === value) ?? otherwise;
function size(value) {
  const [width, height] = Array.isArray(value) ? value : [];
  return isCount(width) && isCount(height) && width > 0 && height > 0 ? [width, height] : [16, 9];
}
function posterMark(value) {
  return typeof value === "string" && /^[A-Za-z0-9+/=]{1,128}$/.test(value) ? value : "";
}

// src/wire.ts
function watchTraits(model, traits, changed) {
  let due = false;
  let watching = true;
  const gather = () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      if (watching) changed();
    });
  };
  for (const trait of traits) model.on(`change:${trait}`, gather);
  return () => {
    watching = false;
    for (const trait of traits) model.off(`change:${trait}`, gather);
  };
}
var LAST_EVENTS = ["comm_live_update", "comm:close", "destroy"];
function watchKernel(model, element, gone) {
  for (const event of LAST_EVENTS) model.on(event, gone);
  if (element.closest(".jupyter-widgets-disconnected")) gone();
  return () => {
    for (const event of LAST_EVENTS) model.off(event, gone);
  };
}
function watchMessages(model, read, received) {
  const receive = (content, buffers) => {
    const message = read(content, buffers);
    if (message) received(message);
  };
  model.on("msg:custom", receive);
  return () => model.off("msg:custom", receive);
}
function post(model, message) {
  try {
    model.send(message);
  } catch {
  }
}
var IMAGES = ["image/jpeg", "image/png"];
function readCommon(content, buffers) {
  if (!isObject(content)) return null;
  const { type, index, width, height, mime, asks, awaited, offset, total, error, client } = content;
  const [data] = bytesOf(buffers, 1) ?? [];
  if (type === "frame" && data && isCount(index) && isSide(width) && isSide(height)) {
    if (typeof mime !== "string" || !IMAGES.includes(mime)) return null;
    const told = { asks: asks !== false, awaited: waited(awaited) };
    return { type, index, mime, ...told, data, moment: momentOf(content) };
  }
  if (type === "video" && data && isCount(offset) && isCount(total)) {
    return { type: "chunk", offset, total, data };
  }
  if (type === "heard") return { type, client: typeof client === "string" ? client : null };
  if (type === "video" && typeof error === "string") return { type: "no-video", error: text(error) };
  return null;
}
var waited = (value) => isNumber(value) ? amount(value) : null;
function momentOf({ time, frame }) {
  return isNumber(time) && isCount(frame) ? { time, frame } : null;
}

// src/model.ts
var STATES = ["pending", "recording", "paused", "finishing", "done", "stopped", "failed"];
var TRAITS = [
  "state",
  "frame",
  "frames",
  "frames_written",
  "queued",
  "synced",
  "progress",
  "fps",
  "eta",
  "elapsed",
  "bytes",
  "renderer",
  "encoder",
  "bottleneck",
  "error",
  "_name",
  "_size",
  "_rate",
  "_software",
  "_note",
  "_video",
  "_poster_mark"
];
function readRecording(get) {
  return {
    state: oneOf(STATES, get("state"), "pending"),
    frame: count(get("frame")),
    frames: get("frames") == null ? null : count(get("frames")),
    framesWritten: count(get("frames_written")),
    queued: count(get("queued")),
    synced: get("synced") === true,
    progress: Math.min(amount(get("progress")), 1),
    fps: amount(get("fps")),
    eta: get("eta") == null ? null : amount(get("eta")),
    elapsed: amount(get("elapsed")),
    bytes: count(get("bytes")),
    renderer: text(get("renderer")),
    encoder: text(get("encoder")),
    bottleneck: text(get("bottleneck")),
    error: text(get("error")),
    name: text(get("_name")),
    size: size(get("_size")),
    rate: text(get("_rate")),
    software: get("_software") === true,
    note: text(get("_note")),
    video: video(get("_video")),
    posterMark: posterMark(get("_poster_mark"))
  };
}
var send = post;
function video(value) {
  if (!isObject(value)) return null;
  const { bytes, mime, playable } = value;
  if (!isCount(bytes) || typeof mime !== "string") return null;
  return { bytes, mime, playable: playable === true && bytes > 0 && /^video\/[a-z0-9.+-]{1,40}$/.test(mime) };
}

// src/panel.ts
var UNANSWERED = {
  stop: ["pending", "recording", "paused"],
  pause: ["recording"],
  resume: ["paused"]
};
function createPanel(press) {
  const fill = make("div", "nbpipe-fill");
  const bar = make("div", "nbpipe-bar", fill);
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Recording progress");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  const words = make("span", "nbpipe-words");
  const limit = make("span", "nbpipe-limit");
  const spoken = make("span", "nbpipe-spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  const pause = makeButton("Pause", "pause");
  const stop = makeButton("Stop", "stop");
  const download = make("a", "nbpipe-button nbpipe-download", icon("download"), label("Download"));
  const buttons = make("div", "nbpipe-buttons", pause, stop, download);
  const state = make("div", "nbpipe-state", make("span", "nbpipe-dot"), words, limit, spoken, buttons);
  state.tabIndex = -1;
  const numbers = make("div", "nbpipe-numbers");
  const details = make("span", "nbpipe-details");
  const renderer = make("span", "nbpipe-chip");
  const footer = make("div", "nbpipe-footer", details, renderer);
  const hint = make("div", "nbpipe-hint");
  const error = make("pre", "nbpipe-error");
  error.tabIndex = 0;
  error.setAttribute("aria-label", "Error");
  const element = make("div", "nbpipe-panel", bar, state, numbers, footer, hint, error);
  let wish = null;
  let latest = null;
  let told = "";
  function ask(wanted) {
    wish = wanted;
    press(wanted);
    if (latest) paint(...latest);
  }
  onPress(pause, () => ask(latest?.[0].state === "paused" ? "resume" : "pause"));
  onPress(stop, () => ask("stop"));
  function paint(recording, circumstances, url) {
    latest = [recording, circumstances, url];
    if (wish && !UNANSWERED[wish].includes(recording.state)) wish = null;
    element.dataset.state = circumstances.gone && url === null ? "gone" : recording.state;
    write(words, stateWords(recording, wish, circumstances.gone));
    write(limit, circumstances.gone || wish ? "" : limitWords(recording));
    write(numbers, numberWords(recording, circumstances.gone));
    write(details, detailWords(recording));
    write(renderer, rendererWords(recording));
    renderer.title = rendererTitle(recording);
    renderer.classList.toggle("nbpipe-amber", recording.software);
    write(hint, hintWords(recording, circumstances));
    write(error, recording.state === "failed" ? recording.error : "");
    paintBar(recording);
    paintButtons(recording, circumstances, url);
    tell(recording, circumstances);
  }
  function paintBar({ state: state2, frame, frames: frames2, progress }) {
    const share = state2 === "done" ? 1 : progress;
    const open = frames2 === null && state2 !== "done" && state2 !== "stopped";
    bar.classList.toggle("nbpipe-open", open);
    fill.style.transform = open ? "" : `scaleX(${share})`;
    bar.setAttribute("aria-valuetext", frames2 === null ? `frame ${frame}` : `frame ${frame} of ${frames2}`);
    if (open) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }
  function paintButtons(recording, { gone, heard, young }, url) {
    const running = recording.state === "recording" || recording.state === "paused";
    const works = heard && !gone;
    const shown = recording.state === "pending" || running && (heard || young || gone);
    if (!shown && (pause.matches(":focus") || stop.matches(":focus"))) state.focus({ preventScroll: true });
    pause.hidden = stop.hidden = !shown;
    pause.disabled = stop.disabled = !running || !works;
    rest(pause, wish !== null);
    rest(stop, wish === "stop");
    const next = recording.state === "paused" ? "resume" : "pause";
    if (pause.dataset.icon !== next) {
      pause.dataset.icon = next;
      pause.replaceChildren(icon(next), label(next === "resume" ? "Resume" : "Pause"));
    }
    download.hidden = url === null;
    if (url === null) download.removeAttribute("href");
    else download.href = url;
    download.download = recording.name;
  }
  function tell(recording, circumstances) {
    const hints = hintWords(recording, circumstances);
    const occasion = [recording.state, recording.synced, wish, hints].join("\n");
    if (occasion === told) return;
    told = occasion;
    spoken.textContent = [stateWords(recording, wish, circumstances.gone), hints].filter(Boolean).join(". ");
  }
  return { element, paint };
}

// src/poster.ts
function createPoster() {
  const element = make("style");
  return {
    element,
    hide(mark) {
      const rule = mark ? ruleFor(mark) : "";
      if (element.textContent !== rule) element.textContent = rule;
    }
  };
}
function ruleFor(mark) {
  const begins = `^="data:image/jpeg;base64,${mark}"`;
  const kept = `:is(img[src${begins}], video[poster${begins}])`;
  const area = `.jp-OutputArea-child:has(${kept}):not(:has(.nbpipe))`;
  return `${area}, :root body ${kept} { display: none !important; }`;
}

// src/screen.ts
function drawOn(canvas, { source, width, height }) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d", { alpha: false })?.drawImage(source, 0, 0);
}
function createScreen(changed) {
  const canvas = make("canvas");
  const caption = make("div", "nbpipe-caption");
  const element = make("div", "nbpipe-screen", canvas, caption);
  canvas.setAttribute("role", "img");
  let video2 = null;
  let url = null;
  let lit = false;
  let unplayable = false;
  function draw(picture) {
    drawOn(canvas, picture);
    if (lit) return;
    lit = true;
    element.classList.add("nbpipe-lit");
    changed();
  }
  function play(blob, name) {
    url = URL.createObjectURL(blob);
    const player = make("video");
    video2 = player;
    player.controls = true;
    player.loop = true;
    player.playsInline = true;
    player.muted = true;
    player.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    player.setAttribute("aria-label", name);
    player.dataset.jpSuppressContextMenu = "";
    player.addEventListener("loadeddata", () => {
      lit = true;
      element.classList.add("nbpipe-lit", "nbpipe-playing");
      changed();
    });
    player.addEventListener("error", () => {
      if (video2 !== player) return;
      video2 = null;
      unplayable = true;
      player.remove();
      element.classList.remove("nbpipe-playing");
      changed();
    });
    player.src = url;
    canvas.after(player);
  }
  return {
    element,
    draw,
    get lit() {
      return lit;
    },
    get url() {
      return url;
    },
    get unplayable() {
      return unplayable;
    },
    paint({ state, name, size: [width, height] }, film) {
      element.style.setProperty("--nbpipe-aspect", String(width / height));
      element.classList.toggle("nbpipe-dimmed", state === "failed");
      canvas.setAttribute("aria-label", `Recording of ${name}`);
      const loading = film.kind === "loading" ? `loading video ${Math.floor(film.share * 100)} %` : "";
      if (caption.textContent !== loading) caption.textContent = loading;
      if (film.kind === "here" && url === null) play(film.blob, name);
    },
    close() {
      const player = video2;
      video2 = null;
      if (player) {
        player.pause();
        player.removeAttribute("src");
        player.load();
      }
      if (url !== null) URL.revokeObjectURL(url);
      url = null;
    }
  };
}

// src/widget.ts
function openSession(model) {
  const views = /* @__PURE__ */ new Set();
  const repaint = () => {
    for (const paint of views) paint();
  };
  const frames2 = new Frames((index) => send(model, { type: "ack", index }));
  const film = new Film((offset) => send(model, { type: "video", offset }), repaint);
  const stopMessages = watchMessages(model, readCommon, (message) => {
    if (message.type === "frame") frames2.offer(message);
    else if (message.type === "chunk") film.take(message);
    else if (message.type === "no-video") film.fail(message.error);
    else {
      session.heard = true;
      repaint();
    }
  });
  const stopTraits = watchTraits(model, TRAITS, repaint);
  const session = {
    heard: false,
    frames: frames2,
    film,
    views,
    close() {
      stopMessages();
      stopTraits();
      film.close();
      frames2.close();
    }
  };
  return session;
}
function openView(session, model, host) {
  let gone = false;
  let young = true;
  const screen = createScreen(paint);
  const panel = createPanel((wish) => send(model, { type: wish }));
  const poster = createPoster();
  const root = make("div", "nbpipe", screen.element, panel.element, poster.element);
  root.setAttribute("role", "group");
  function paint() {
    const recording = readRecording((trait) => model.get(trait));
    const { film, heard } = session;
    if (!gone) fetchWhenWhole(film, recording);
    root.setAttribute("aria-label", `Recording ${recording.name}`);
    root.style.setProperty("--nbpipe-width", `${recording.size[0]}px`);
    screen.paint(recording, film.status);
    panel.paint(
      recording,
      { gone, heard, young, film: film.status, unplayable: screen.unplayable, beneath: false },
      screen.url
    );
    const dark = gone && !screen.lit;
    screen.element.hidden = dark;
    poster.hide(dark ? "" : recording.posterMark);
  }
  const stopKernel = watchKernel(model, host, () => {
    gone = true;
    paint();
  });
  paint();
  host.append(root);
  session.views.add(paint);
  const stopFrames = session.frames.attach(screen.draw);
  const stopHello = sayHello({
    say() {
      if (!gone) send(model, { type: "hello" });
    },
    over: () => gone || session.heard,
    waited() {
      young = false;
      paint();
    }
  });
  return () => {
    stopHello();
    stopKernel();
    stopFrames();
    session.views.delete(paint);
    screen.close();
    root.remove();
  };
}
var createWidget = () => createEntry(openSession, openView);
var widget_default = createWidget;
export {
  widget_default as default
};
