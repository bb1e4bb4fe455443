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
function makeIconButton(name, iconName) {
  const button = make("button", "nbpipe-button", icon(iconName));
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
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
function makeOption(words, value) {
  const option = make("option", "", words);
  option.value = String(value);
  return option;
}
function write(element, text2) {
  if (element.textContent !== text2) element.textContent = text2;
  element.hidden = text2 === "";
}

// src/hold.ts
var PATIENCE = 2500;
var Hold = class {
  #show;
  #agrees;
  #wanted = null;
  #said = null;
  #held = false;
  #timer;
  /** `show` gets every value that counts, whoever's; `agrees` tells whether one answers what was wanted. */
  constructor(show, agrees = Object.is) {
    this.#show = show;
    this.#agrees = agrees;
  }
  /** The kernel's value. */
  say(value) {
    this.#said = { value };
    if (this.#wanted && !this.#held && this.#agrees(value, this.#wanted.value)) this.forget();
    else if (!this.#wanted) this.#show(value);
  }
  /** A person's value; `held` while the finger is still on it. */
  want(value, held = false) {
    this.#wanted = { value };
    this.#held = held;
    this.#wait();
    this.#show(value);
  }
  /** The finger is gone. */
  release() {
    if (!this.#held) return;
    this.#held = false;
    this.#wait();
  }
  /** What the person wanted counts no more: the kernel has answered, or was asked for something else since. */
  forget() {
    clearTimeout(this.#timer);
    this.#wanted = null;
    if (this.#said) this.#show(this.#said.value);
  }
  close() {
    clearTimeout(this.#timer);
  }
  #wait() {
    clearTimeout(this.#timer);
    if (!this.#held) this.#timer = setTimeout(() => this.forget(), PATIENCE);
  }
};

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
function clock(seconds2) {
  const whole = Math.ceil(seconds2);
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

// src/preview-words.ts
function situationWords({ gone, heard, young }) {
  if (gone) return KERNEL_GONE;
  if (!heard && !young) return "The kernel is busy: the preview answers when the running cell has ended.";
  return "";
}
function waitingWords({ error }, { heard }) {
  if (error) return "No picture: see the error below";
  return heard ? "Drawing the first picture…" : "Waiting for the kernel…";
}
function timeWords(time, duration) {
  return `${time.toFixed(2)} / ${duration.toFixed(2)} s`;
}
function spokenTime(time, duration) {
  return `${time.toFixed(2)} of ${duration.toFixed(2)} seconds`;
}
function speedWords(factor) {
  return `${Number(factor.toPrecision(3))}×`;
}
function detailWords2({ name, playing, shownFps, size: [width, height] }, frame) {
  return joined([name, `${width}×${height}`, `frame ${frame}`, playing ? speed(shownFps) : ""]);
}
var STREAMS = { jpeg: "JPEG", h264: "H.264", "": "" };
var STREAM_TITLES = {
  jpeg: "Pictures come one by one, as JPEG",
  h264: "Pictures come as H.264 video, which this browser decodes",
  "": ""
};
var streamWords = (stream) => STREAMS[stream];
var streamTitle = (stream) => STREAM_TITLES[stream];
function takeWords({ taking, take: take2 }, seconds2) {
  if (taking) return `● ${seconds2.toFixed(1)} s`;
  return take2 ? `take: ${take2.duration.toFixed(1)} s` : "";
}
function recordWords({ take: take2 }) {
  return take2 ? "Record take" : "Record";
}
function recordTitle({ take: take2 }) {
  return take2 ? "Make a video of your take" : "Make a video of the scene as it is now";
}
function spokenWords({ playing, taking, error, name }, situation) {
  const words = situationWords(situation);
  if (words) return words;
  if (error) return `${name || "The scene"} has an error`;
  return `${playing ? "Playing" : "Paused"}${taking ? ", taking your moves" : ""}`;
}

// src/actions.ts
var TICK = 100;
function createActions({ record: record2, take: take2, drop }) {
  const length = make("span");
  const dropButton = makeIconButton("Drop the take", "drop");
  dropButton.classList.add("nbpipe-drop");
  const taken = make("span", "nbpipe-chip nbpipe-taken", length, dropButton);
  const takeButton = makeButton("Take", "take");
  takeButton.title = "Record what you do with the controls, the pointer and the time";
  takeButton.setAttribute("aria-pressed", "false");
  const recordButton = makeButton("", "record");
  const recordLabel = recordButton.querySelector("span");
  recordButton.classList.add("nbpipe-record");
  const element = make("div", "nbpipe-buttons", takeButton, recordButton);
  let timer;
  const dropped = new Hold((now) => {
    dropButton.hidden = now;
  });
  const taking = new Hold((now) => takeButton.setAttribute("aria-pressed", String(now)));
  const recording = new Hold((now) => rest(recordButton, now));
  takeButton.addEventListener("click", () => {
    const on = takeButton.getAttribute("aria-pressed") !== "true";
    taking.want(on);
    take2(on);
  });
  dropButton.addEventListener("click", () => {
    dropped.want(true);
    drop();
    takeButton.focus();
  });
  onPress(recordButton, () => {
    recording.want(true);
    record2();
  });
  return {
    element,
    taken,
    paint(preview, usable, takingSince) {
      const recorded = preview.record !== null && isActive(preview.record);
      dropButton.disabled = recordButton.disabled = !usable;
      takeButton.disabled = !usable || recorded;
      dropped.say(preview.taking || preview.take === null);
      write(recordLabel, recordWords(preview));
      recordButton.title = recordTitle(preview);
      taking.say(preview.taking);
      recording.say(recorded);
      const tell = () => {
        write(length, takeWords(preview, (performance.now() - takingSince) / 1e3));
        taken.hidden = length.hidden;
      };
      clearInterval(timer);
      timer = preview.taking ? setInterval(tell, TICK) : void 0;
      taken.classList.toggle("nbpipe-taking", preview.taking);
      tell();
    },
    close() {
      clearInterval(timer);
      dropped.close();
      taking.close();
      recording.close();
    }
  };
}

// src/control.ts
function createControl(parameter, changed) {
  switch (parameter.kind) {
    case "float":
    case "int":
      return numberControl(parameter, changed);
    case "bool":
      return boolControl(parameter, changed);
    case "color":
      return colorControl(parameter, changed);
    case "vector":
      return vectorControl(parameter, changed);
    case "choice":
      return choiceControl(parameter, changed);
  }
}
function numberControl(parameter, changed) {
  const { kind, range, label: label2 } = parameter;
  const step = stepOf(parameter);
  const field = makeField(label2, range, step, tell);
  if (!range) return { inputs: [field], show: (value) => showNumber(field, Number(value)) };
  const slider = make("input", "nbpipe-slider");
  slider.type = "range";
  slider.setAttribute("aria-label", label2);
  [slider.min, slider.max] = [String(range[0]), String(range[1])];
  slider.step = kind === "int" ? String(step) : "any";
  slider.addEventListener("input", () => tell(rounded(Number(slider.value), step, range)));
  function tell(value) {
    changed(kind === "int" ? Math.round(value) : value);
  }
  return {
    inputs: [slider, field],
    show(value) {
      const number = Number(value);
      slider.value = String(number);
      slider.style.setProperty("--nbpipe-share", `${(number - range[0]) / (range[1] - range[0]) * 100}%`);
      showNumber(field, number);
    }
  };
}
function boolControl({ label: label2 }, changed) {
  const box = make("input", "nbpipe-check");
  box.type = "checkbox";
  box.setAttribute("aria-label", label2);
  box.addEventListener("change", () => changed(box.checked));
  return {
    inputs: [box],
    show(value) {
      box.checked = value === true;
    }
  };
}
function colorControl({ label: label2, value: initial }, changed) {
  const picker = make("input", "nbpipe-color");
  picker.type = "color";
  picker.setAttribute("aria-label", label2);
  const alpha = make("input", "nbpipe-slider");
  alpha.type = "range";
  [alpha.min, alpha.max, alpha.step] = ["0", "1", "0.01"];
  alpha.setAttribute("aria-label", `${label2}, opacity`);
  const hasAlpha = initial.length === 4;
  function tell() {
    const colour = fromHex(picker.value);
    changed(hasAlpha ? [...colour, Number(alpha.value)] : colour);
  }
  for (const input of [picker, alpha]) input.addEventListener("input", tell);
  return {
    inputs: hasAlpha ? [picker, alpha] : [picker],
    show(value) {
      const [red = 0, green = 0, blue = 0, opacity = 1] = value;
      picker.value = toHex([red, green, blue]);
      alpha.value = String(opacity);
      alpha.style.setProperty("--nbpipe-share", `${opacity * 100}%`);
    }
  };
}
function vectorControl(parameter, changed) {
  const { label: label2, range, value: initial } = parameter;
  const step = stepOf(parameter);
  let now = initial;
  const fields = initial.map(
    (_, at) => makeField(
      `${label2}, ${"xyzw"[at]}`,
      range,
      step,
      (number) => changed(now.map((other, of) => of === at ? number : other))
    )
  );
  return {
    inputs: fields,
    show(value) {
      now = value;
      for (const [at, field] of fields.entries()) showNumber(field, now[at] ?? 0);
    }
  };
}
function choiceControl({ label: label2, options }, changed) {
  const menu = make("select", "nbpipe-select", ...options.map((option, at) => makeOption(option, at)));
  menu.setAttribute("aria-label", label2);
  menu.addEventListener("change", () => changed(Number(menu.value)));
  return {
    inputs: [menu],
    show(value) {
      menu.value = String(value);
    }
  };
}
function makeField(label2, range, step, tell) {
  const field = make("input", "nbpipe-field");
  field.type = "number";
  field.setAttribute("aria-label", label2);
  field.step = String(step);
  if (range) [field.min, field.max] = [String(range[0]), String(range[1])];
  field.addEventListener("input", () => {
    const value = field.valueAsNumber;
    if (Number.isFinite(value) && (!range || value >= range[0] && value <= range[1])) tell(value);
  });
  return field;
}
function showNumber(field, value) {
  if (!field.matches(":focus")) field.value = String(Number(value.toPrecision(6)));
}
function stepOf({ kind, step, range }) {
  if (step !== null) return step;
  if (kind === "int") return 1;
  return range ? 10 ** Math.floor(Math.log10((range[1] - range[0]) / 200)) : 0.1;
}
function rounded(value, step, [least, most]) {
  if (value === least || value === most) return value;
  const near = Number((least + Math.round((value - least) / step) * step).toPrecision(12));
  return Math.min(Math.max(near, least), most);
}
function toHex(colour) {
  const parts = colour.map((share) => Math.round(Math.min(Math.max(share, 0), 1) * 255));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
function fromHex(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
}

// src/controls.ts
function createControls(change) {
  const element = make("div", "nbpipe-controls");
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Parameters");
  let shape = "";
  let rows = /* @__PURE__ */ new Map();
  function close() {
    for (const { hold } of rows.values()) hold.close();
  }
  function build(parameters) {
    close();
    const made = parameters.map((parameter) => makeRow(parameter, change));
    rows = new Map(made.map(([name, row]) => [name, row]));
    element.replaceChildren(...made.map(([, , box]) => box));
    element.hidden = made.length === 0;
  }
  return {
    element,
    paint(parameters, usable) {
      const now = JSON.stringify(parameters.map(shapeOf));
      if (now !== shape) build(parameters);
      shape = now;
      for (const { name, value } of parameters) rows.get(name)?.hold.say(value);
      for (const { control } of rows.values()) for (const input of control.inputs) input.disabled = !usable;
    },
    close
  };
}
function shapeOf(parameter) {
  const { value } = parameter;
  return { ...parameter, value: typeof value === "object" ? value.length : null };
}
function makeRow(parameter, change) {
  const { name, kind, label: label2 } = parameter;
  const control = createControl(parameter, (value) => {
    hold.want(value, true);
    change(name, value);
  });
  const hold = new Hold(control.show, (said, wanted) => String(said) === String(wanted));
  for (const input of control.inputs) input.addEventListener("change", () => hold.release());
  const words = make("span", "nbpipe-name", label2);
  words.title = name;
  const inputs = make("span", "nbpipe-inputs", ...control.inputs);
  const box = make(control.inputs.length === 1 ? "label" : "div", "nbpipe-control", words, inputs);
  box.dataset.kind = kind;
  return [name, { control, hold }, box];
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

// src/film.ts
var PATIENCE2 = 2e3;
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
    this.#request(PATIENCE2);
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
      this.#request(PATIENCE2);
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

// src/hello.ts
var PATIENCE3 = 1500;
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
  }, PATIENCE3);
  next();
  return () => clearInterval(timer);
}

// src/events.ts
var isFrequent = ({ type }) => type === "pointer_move" || type === "wheel";
function gather(waiting, event) {
  const last = waiting.at(-1);
  if (last?.type === "pointer_move" && event.type === "pointer_move" && sameHold(last, event)) {
    waiting[waiting.length - 1] = event;
  } else if (last?.type === "wheel" && event.type === "wheel" && sameHold(last, event)) {
    waiting[waiting.length - 1] = { ...event, dx: last.dx + event.dx, dy: last.dy + event.dy };
  } else {
    waiting.push(event);
  }
}
function sameHold(one, other) {
  return one.buttons.join() === other.buttons.join() && one.modifiers.join() === other.modifiers.join();
}

// src/input.ts
var MAX_BATCH = 64;
var LOOK_AGAIN = [30, 250];
var WHEEL_UNITS = [1, 33, 300];
var MODIFIERS = [
  ["Shift", "shiftKey"],
  ["Control", "ctrlKey"],
  ["Alt", "altKey"],
  ["Meta", "metaKey"]
];
var modifiersOf = (event) => MODIFIERS.filter(([, key]) => event[key]).map(([name]) => name);
var buttonsOf = (mask) => [1, 2, 3, 4, 5].filter((button) => mask & 1 << button - 1);
var seconds = ({ timeStamp }) => timeStamp / 1e3;
function watchInput(canvas, size2, send2) {
  const stop = new AbortController();
  const waiting = [];
  const keys = /* @__PURE__ */ new Map();
  const touches = /* @__PURE__ */ new Map();
  let captor = null;
  let mask = 0;
  let inside = false;
  let last = { x: 0, y: 0 };
  let animation = null;
  const looking = [];
  function flush() {
    if (animation !== null) cancelAnimationFrame(animation);
    animation = null;
    while (waiting.length > 0) send2(waiting.splice(0, MAX_BATCH));
  }
  function emit(...events) {
    for (const event of events) gather(waiting, event);
    if (!events.every(isFrequent)) flush();
    else animation ??= requestAnimationFrame(flush);
  }
  function place(event) {
    const box = canvas.getBoundingClientRect();
    const [width, height] = size2();
    if (box.width === 0 || box.height === 0) return last;
    return {
      x: (event.clientX - box.left) / box.width * width,
      y: (event.clientY - box.top) / box.height * height
    };
  }
  function motion(event, type, button, held) {
    if (!isOther(event)) last = place(event);
    emit({
      type,
      ...last,
      button,
      buttons: buttonsOf(held),
      modifiers: modifiersOf(event),
      ntouches: touches.size,
      touches: Object.fromEntries(touches),
      timestamp: seconds(event)
    });
  }
  function press(event, next) {
    for (const button of [1, 2, 3, 4, 5]) {
      const bit = 1 << button - 1;
      if ((next & bit) === (mask & bit)) continue;
      mask ^= bit;
      motion(event, mask & bit ? "pointer_down" : "pointer_up", button, mask);
    }
    if (mask === 0) captor = null;
  }
  function touch(event, down) {
    if (event.pointerType !== "touch") return;
    if (down) touches.set(event.pointerId, { ...place(event), pressure: event.pressure });
    else touches.delete(event.pointerId);
  }
  const isOther = (event) => captor !== null && captor !== event.pointerId;
  function takeFocus() {
    canvas.focus({ preventScroll: true });
    leaveFocus();
    looking.push(...LOOK_AGAIN.map((wait) => setTimeout(() => canvas.focus({ preventScroll: true }), wait)));
  }
  function leaveFocus() {
    for (const timer of looking.splice(0)) clearTimeout(timer);
  }
  function onDown(event) {
    event.preventDefault();
    takeFocus();
    touch(event, true);
    if (isOther(event)) {
      motion(event, "pointer_move", 0, mask);
    } else {
      canvas.setPointerCapture(event.pointerId);
      captor = event.pointerId;
      press(event, event.buttons);
    }
  }
  function onMove(event) {
    if (touches.has(event.pointerId)) touch(event, true);
    if (!isOther(event) && captor !== null && event.buttons !== mask) press(event, event.buttons);
    else if (!isOther(event) || touches.has(event.pointerId)) motion(event, "pointer_move", 0, mask);
  }
  function onUp(event) {
    touch(event, false);
    if (isOther(event)) motion(event, "pointer_move", 0, mask);
    else if (captor !== null) press(event, event.buttons);
  }
  function letGo(event) {
    touches.clear();
    captor = null;
    for (const button of buttonsOf(mask)) {
      mask ^= 1 << button - 1;
      const [buttons, timestamp] = [buttonsOf(mask), seconds(event)];
      emit({
        type: "pointer_up",
        ...last,
        button,
        buttons,
        modifiers: [],
        ntouches: 0,
        touches: {},
        timestamp
      });
    }
  }
  function cross(event, into) {
    if (inside === into) return;
    inside = into;
    emit({ type: into ? "pointer_enter" : "pointer_leave", timestamp: seconds(event) });
  }
  function onWheel(event) {
    if (!canvas.matches(":focus")) return;
    event.preventDefault();
    const unit = WHEEL_UNITS[event.deltaMode] ?? 1;
    emit({
      type: "wheel",
      dx: event.deltaX * unit,
      dy: event.deltaY * unit,
      ...place(event),
      buttons: buttonsOf(event.buttons),
      modifiers: modifiersOf(event),
      timestamp: seconds(event)
    });
  }
  function onDoubleClick(event) {
    event.preventDefault();
    const buttons = buttonsOf(event.buttons);
    const modifiers = modifiersOf(event);
    emit({ type: "double_click", ...place(event), button: 1, buttons, modifiers, timestamp: seconds(event) });
  }
  function onKey(event) {
    if (event.key === "Tab") return;
    const down = event.type === "keydown";
    if (event.key !== "Escape") event.stopPropagation();
    if (!event.ctrlKey && !event.metaKey && !/^F\d+$/.test(event.key)) event.preventDefault();
    if (down && event.repeat) {
      emit(...typed(event));
      return;
    }
    const key = down ? event.key : keys.get(event.code) ?? event.key;
    if (down) keys.set(event.code, key);
    else keys.delete(event.code);
    const told = {
      type: down ? "key_down" : "key_up",
      key,
      modifiers: modifiersOf(event),
      timestamp: seconds(event)
    };
    emit(told, ...down ? typed(event) : []);
    if (!down && event.key === "Meta") releaseKeys(event);
    if (down && event.key === "Escape") canvas.blur();
  }
  function typed({ key, ctrlKey, metaKey, isComposing, repeat, timeStamp }) {
    if ([...key].length !== 1 || ctrlKey || metaKey) return [];
    const timestamp = timeStamp / 1e3;
    return [
      { type: "char", data: key, input_type: "insertText", is_composing: isComposing, repeat, timestamp }
    ];
  }
  function releaseKeys(event) {
    for (const key of keys.values()) emit({ type: "key_up", key, modifiers: [], timestamp: seconds(event) });
    keys.clear();
  }
  const { signal } = stop;
  canvas.addEventListener("pointerdown", onDown, { signal });
  canvas.addEventListener("pointermove", onMove, { signal });
  canvas.addEventListener("pointerup", onUp, { signal });
  canvas.addEventListener("pointercancel", letGo, { signal });
  canvas.addEventListener("pointerenter", (event) => cross(event, true), { signal });
  canvas.addEventListener("pointerleave", (event) => cross(event, false), { signal });
  canvas.addEventListener("wheel", onWheel, { signal, passive: false });
  canvas.addEventListener("dblclick", onDoubleClick, { signal });
  canvas.addEventListener("keydown", onKey, { signal });
  canvas.addEventListener("keyup", onKey, { signal });
  canvas.addEventListener("focus", (event) => emit({ type: "focus_in", timestamp: seconds(event) }), {
    signal
  });
  canvas.addEventListener(
    "blur",
    (event) => {
      releaseKeys(event);
      emit({ type: "focus_out", timestamp: seconds(event) });
    },
    { signal }
  );
  canvas.addEventListener(
    "contextmenu",
    (event) => {
      event.stopPropagation();
      if (!event.shiftKey) event.preventDefault();
    },
    { signal }
  );
  window.addEventListener(
    "blur",
    (event) => {
      letGo(event);
      cross(event, false);
    },
    { signal }
  );
  for (const away of ["pointerdown", "keydown"])
    window.addEventListener(away, leaveFocus, { signal, capture: true });
  return () => {
    stop.abort();
    leaveFocus();
    if (animation !== null) cancelAnimationFrame(animation);
  };
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
  const gather2 = () => {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      if (watching) changed();
    });
  };
  for (const trait of traits) model.on(`change:${trait}`, gather2);
  return () => {
    watching = false;
    for (const trait of traits) model.off(`change:${trait}`, gather2);
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
var isState = (value) => STATES.some((known) => known === value);
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
function video(value) {
  if (!isObject(value)) return null;
  const { bytes, mime, playable } = value;
  if (!isCount(bytes) || typeof mime !== "string") return null;
  return { bytes, mime, playable: playable === true && bytes > 0 && /^video\/[a-z0-9.+-]{1,40}$/.test(mime) };
}

// src/parameters.ts
var MAX_PARAMETERS = 200;
var MAX_OPTIONS = 1e3;
function readParameters(value) {
  const found = /* @__PURE__ */ new Map();
  for (const one of Array.isArray(value) ? value.slice(0, MAX_PARAMETERS) : []) {
    const parameter = readParameter(one);
    if (parameter && !found.has(parameter.name)) found.set(parameter.name, parameter);
  }
  return [...found.values()];
}
function readParameter(raw) {
  if (!isObject(raw)) return null;
  const { kind, value } = raw;
  const name = text(raw.name);
  if (name === "") return null;
  const common = { name, label: text(raw.label) || name };
  const limits = {
    range: isNumber(raw.min) && isNumber(raw.max) && raw.min < raw.max ? [raw.min, raw.max] : null,
    step: isNumber(raw.step) && raw.step > 0 ? raw.step : null
  };
  switch (kind) {
    case "float":
    case "int":
      return isNumber(value) ? { ...common, ...limits, kind, value } : null;
    case "bool":
      return typeof value === "boolean" ? { ...common, kind, value } : null;
    case "color":
      return isVector(value, 3, 4) ? { ...common, kind, value } : null;
    case "vector":
      return isVector(value, 2, 4) ? { ...common, ...limits, kind, value } : null;
    case "choice": {
      const options = Array.isArray(raw.options) ? raw.options.slice(0, MAX_OPTIONS).map(text) : [];
      return isCount(value) && value < options.length ? { ...common, kind, value, options } : null;
    }
    default:
      return null;
  }
}
var isVector = (value, least, most) => Array.isArray(value) && value.length >= least && value.length <= most && value.every(isNumber);

// src/preview-model.ts
var TRAITS = [
  "playing",
  "time",
  "speed",
  "loop",
  "duration",
  "size",
  "fps",
  "frame",
  "shown_fps",
  "renderer",
  "error",
  "taking",
  "_name",
  "_software",
  "_parameters",
  "_recording",
  "_take",
  "_stream",
  "_poster_mark"
];
var STREAMS2 = ["jpeg", "h264", ""];
function readPreview(model) {
  const get = (trait) => model.get(trait);
  return {
    playing: get("playing") === true,
    time: amount(get("time")),
    speed: speed2(get("speed")),
    loop: get("loop") === true,
    duration: amount(get("duration")) || 1,
    size: size(get("size")),
    fps: amount(get("fps")),
    frame: count(get("frame")),
    shownFps: amount(get("shown_fps")),
    renderer: text(get("renderer")),
    error: text(get("error")),
    taking: get("taking") === true,
    software: get("_software") === true,
    name: text(get("_name")),
    parameters: readParameters(get("_parameters")),
    record: record(get("_recording")),
    take: take(get("_take")),
    stream: oneOf(STREAMS2, get("_stream"), ""),
    posterMark: posterMark(get("_poster_mark"))
  };
}
var send = post;
function readMessage(content, buffers) {
  return readPackets(content, buffers) ?? readCommon(content, buffers);
}
var MOST_PACKETS = 16;
function readPackets(content, buffers) {
  if (!isObject(content) || content.type !== "packets") return null;
  const { pictures, key, asks, awaited } = content;
  if (!Array.isArray(pictures) || pictures.length === 0 || pictures.length > MOST_PACKETS) return null;
  const keyed = key !== void 0;
  if (keyed && pictures.length !== 1) return null;
  const parts = bytesOf(buffers, pictures.length + (keyed ? 1 : 0));
  if (!parts) return null;
  const setup = keyed ? readKey(key, parts.pop()) : null;
  if (keyed && !setup) return null;
  const packets = parts.map((data, place) => readPacket(pictures[place], data, setup));
  return packets.every((packet) => packet !== null) ? { type: "packets", asks: asks === true, awaited: waited(awaited), packets } : null;
}
function readPacket(picture, data, key) {
  const [index, time, frame] = Array.isArray(picture) ? picture : [];
  return isCount(index) ? { index, data, key, moment: momentOf({ time, frame }) } : null;
}
function readKey(value, description) {
  if (!isObject(value) || !description) return null;
  const { codec, width, height } = value;
  if (typeof codec !== "string" || !/^avc1\.[0-9A-Fa-f]{6}$/.test(codec)) return null;
  return isSide(width) && isSide(height) ? { codec, width, height, description } : null;
}
var speed2 = (value) => isNumber(value) ? value : 1;
function record(value) {
  return isObject(value) && isState(value.state) ? readRecording((trait) => value[trait]) : null;
}
function take(value) {
  if (!isObject(value) || !isNumber(value.duration)) return null;
  return { duration: amount(value.duration), entries: count(value.entries) };
}

// src/decoder.ts
var PROBED = "avc1.4D001F";
var PROBE_PATIENCE = 1e3;
var MAX_PENDING = 64;
var DECODE_PATIENCE = 1500;
async function probeCodecs() {
  if (typeof VideoDecoder !== "function") return [];
  const asked = VideoDecoder.isConfigSupported({ codec: PROBED, optimizeForLatency: true }).then(
    ({ supported }) => supported === true,
    () => false
  );
  const late = new Promise((resolve) => setTimeout(() => resolve(false), PROBE_PATIENCE));
  return await Promise.race([asked, late]) ? ["h264"] : [];
}
var Decoder = class {
  #sink;
  #decoder = null;
  /** What the decoder was made for. */
  #setup = "";
  #pending = /* @__PURE__ */ new Map();
  /** No packet is of use before the next key packet. */
  #broken = false;
  /** The newest packet's index. */
  #latest = 0;
  #watchdog;
  constructor(sink) {
    this.#sink = sink;
  }
  decode(packet) {
    const { index, moment, key } = packet;
    this.#latest = index;
    if (this.#broken && !key) {
      this.#sink.finished(index);
      return;
    }
    this.#broken = false;
    if (this.#feed(packet)) return;
    this.#pending.set(index, moment);
    this.#fail();
  }
  close() {
    this.#pending.clear();
    this.#drop();
  }
  /** Whether the decoder has taken it: not if there is none, if it does not follow, or if it throws. */
  #feed({ index, moment, key, data }) {
    try {
      if (key) this.#prepare(key);
      this.#pending.set(index, moment);
      if (!this.#decoder || this.#pending.size > MAX_PENDING) return false;
      this.#watchdog ??= setTimeout(() => this.#fail(), DECODE_PATIENCE);
      this.#decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: index, data }));
      return true;
    } catch {
      return false;
    }
  }
  /** A decoder for these packets: the one there is, if the stream goes on as it was. */
  #prepare({ codec, width, height, description }) {
    const setup = `${codec} ${width}×${height} ${description}`;
    if (this.#decoder && setup === this.#setup) return;
    this.#drop();
    const decoder = new VideoDecoder({
      output: (image) => this.#receive(image),
      error: () => {
        if (decoder === this.#decoder) this.#fail();
      }
    });
    this.#decoder = decoder;
    this.#setup = setup;
    decoder.configure({
      codec,
      codedWidth: width,
      codedHeight: height,
      optimizeForLatency: true,
      description
    });
  }
  #receive(image) {
    const { timestamp: index, displayWidth: width, displayHeight: height } = image;
    const moment = this.#pending.get(index);
    if (moment === void 0) {
      image.close();
      return;
    }
    this.#pending.delete(index);
    this.#settle((other) => other < index);
    clearTimeout(this.#watchdog);
    const behind = this.#pending.size > 0;
    this.#watchdog = behind ? setTimeout(() => this.#fail(), DECODE_PATIENCE) : void 0;
    this.#sink.show({ source: image, width, height, moment, close: () => image.close() }, index);
  }
  #fail() {
    this.#drop();
    this.#broken = true;
    this.#sink.lost(this.#latest);
  }
  /** Ends the decoder, and with it all that it has not answered. */
  #drop() {
    clearTimeout(this.#watchdog);
    this.#watchdog = void 0;
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
    this.#settle(() => true);
  }
  #settle(which) {
    for (const index of [...this.#pending.keys()].filter(which)) {
      this.#pending.delete(index);
      this.#sink.finished(index);
    }
  }
};

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

// src/nudge.ts
var WAY = 8;
var SOONEST = 20;
var AGAIN = 15;
var HELD = 40;
var LAST = 5;
var Nudge = class {
  #say;
  #took = [];
  /** When, if no picture has answered it yet. */
  #did = null;
  #timer = null;
  constructor(say) {
    this.#say = say;
  }
  /** A person has done something, and waits for a picture. */
  start() {
    this.stop();
    this.#did = performance.now();
    const wait = Math.max(SOONEST, middle(this.#took) + WAY);
    if (wait >= HELD) return;
    this.#timer = setTimeout(() => {
      this.#say();
      this.#timer = setTimeout(this.#say, AGAIN);
    }, wait);
  }
  /** An awaited picture has come; `took`: for how many milliseconds the kernel had it in hand. */
  answered(took) {
    if (this.#did === null || took >= performance.now() - this.#did) return;
    this.#took = [...this.#took.slice(1 - LAST), took];
    this.stop();
  }
  stop() {
    this.#did = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
};
var middle = (values) => [...values].sort((a, b) => a - b)[values.length - 1 >> 1] ?? 0;

// src/outbox.ts
var Outbox = class {
  #send;
  #waiting = /* @__PURE__ */ new Map();
  #animation = null;
  constructor(send2) {
    this.#send = send2;
  }
  /** Replaces what waits under the same name. */
  put(name, message) {
    this.#waiting.set(name, message);
    this.#animation ??= requestAnimationFrame(() => this.flush());
  }
  /** At once, before something that must come after it. */
  flush() {
    const messages = [...this.#waiting.values()];
    this.drop();
    for (const message of messages) this.#send(message);
  }
  /** There is nobody to send them to. */
  drop() {
    if (this.#animation !== null) cancelAnimationFrame(this.#animation);
    this.#animation = null;
    this.#waiting.clear();
  }
};

// src/preview-session.ts
var ANSWERED = /* @__PURE__ */ new Set(["set", "step", "param", "events"]);
var DEPTH = 5;
function openSession(model) {
  const client = clientName();
  const codecs = probeCodecs();
  const views = /* @__PURE__ */ new Set();
  const looking = /* @__PURE__ */ new Set();
  let heard = false;
  let closed = false;
  let visible = null;
  let film = newFilm();
  let recording = null;
  let takingSince = 0;
  let taking = false;
  let moment = { time: 0, frame: 0 };
  let told = null;
  const say = (message) => send(model, message);
  function tell(message) {
    if (heard) say(message);
  }
  const frames2 = new Frames((index, age, shown) => tell({ type: "ack", client, index, age, shown }), DEPTH);
  const nudge = new Nudge(stir);
  function act(message) {
    say(message);
    if (visible && !closed && ANSWERED.has(message.type)) nudge.start();
  }
  const outbox = new Outbox(act);
  const decoder = new Decoder({
    show: (picture, index) => frames2.show(picture, index),
    finished: (index) => frames2.finished(index),
    // Nothing is lost with packets for others that came before this page was known: it is sent a key packet.
    lost: (index) => tell({ type: "lost", client, index })
  });
  function stir() {
    if (visible) tell({ type: "look", client, visible });
  }
  function repaint() {
    for (const paint of views) paint();
  }
  function newFilm() {
    const made = new Film(
      (offset) => say({ type: "video", offset }),
      () => {
        if (made === film) repaint();
      }
    );
    return made;
  }
  function follow() {
    const now = readPreview(model);
    if (now.record && isAnother(recording, now.record)) {
      film.close();
      film = newFilm();
    }
    recording = now.record;
    if (told?.time !== now.time || told.frame !== now.frame) moment = { time: now.time, frame: now.frame };
    told = { time: now.time, frame: now.frame };
    if (now.taking && !taking) takingSince = performance.now();
    taking = now.taking;
  }
  follow();
  const stopMessages = watchMessages(model, readMessage, (message) => {
    if ("awaited" in message && message.awaited !== null) nudge.answered(message.awaited);
    if (message.type === "frame") frames2.offer(message);
    else if (message.type === "packets") {
      const last = message.packets.at(-1)?.index ?? 0;
      if (message.awaited !== null) frames2.expect(last);
      for (const packet of message.packets) decoder.decode(packet);
      if (message.asks) frames2.requestAck(last);
    } else if (message.type === "chunk") film.take(message);
    else if (message.type === "no-video") film.fail(message.error);
    else if (message.client === client && !heard) {
      heard = true;
      if (visible !== null) tell({ type: "look", client, visible });
      repaint();
    }
  });
  const stopTraits = watchTraits(model, TRAITS, () => {
    follow();
    repaint();
  });
  return {
    get heard() {
      return heard;
    },
    get film() {
      return film;
    },
    get takingSince() {
      return takingSince;
    },
    get moment() {
      return moment;
    },
    set moment(shown) {
      moment = shown;
    },
    frames: frames2,
    views,
    async hello() {
      const known = await codecs;
      if (heard || closed) return;
      say({ type: "hello", client, codecs: known });
    },
    say(message) {
      outbox.flush();
      act(message);
    },
    put: (name, message) => outbox.put(name, message),
    look(view, sees) {
      if (sees) looking.add(view);
      else looking.delete(view);
      const now = looking.size > 0;
      if (now === visible) return;
      visible = now;
      if (!visible) nudge.stop();
      tell({ type: "look", client, visible });
    },
    stir,
    close() {
      closed = true;
      nudge.stop();
      outbox.drop();
      stopMessages();
      stopTraits();
      decoder.close();
      film.close();
      frames2.close();
    }
  };
}
function isAnother(last, now) {
  if (!last || last.name !== now.name) return true;
  return now.state === "pending" && last.state !== "pending" || isActive(now) && !isActive(last);
}
function clientName() {
  const numbers = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(numbers, (number) => number.toString(16).padStart(2, "0")).join("");
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

// src/record-view.ts
function createRecordView(press) {
  const element = make("section", "nbpipe-made");
  element.setAttribute("aria-label", "Recording");
  let shown = null;
  function open(film) {
    let last = null;
    const screen = createScreen(() => last && paint(...last));
    const panel = createPanel(press);
    element.replaceChildren(screen.element, panel.element);
    function paint(recording, situation) {
      last = [recording, situation];
      const { status } = film;
      screen.paint(recording, status);
      screen.element.hidden = screen.unplayable || status.kind !== "loading" && status.kind !== "here";
      panel.paint(
        recording,
        { ...situation, film: status, unplayable: screen.unplayable, beneath: true },
        screen.url
      );
    }
    return { film, paint, close: screen.close };
  }
  return {
    element,
    paint(recording, film, situation) {
      element.hidden = recording === null;
      if (!recording) return;
      if (shown?.film !== film) {
        shown?.close();
        shown = open(film);
      }
      shown.paint(recording, situation);
    },
    close: () => shown?.close()
  };
}

// src/sight.ts
function watchSight(element, seen) {
  let near = null;
  let told = null;
  const tell = () => {
    if (near === null) return;
    const visible = near && document.visibilityState === "visible";
    if (visible === told) return;
    told = visible;
    seen(visible);
  };
  const observer = new IntersectionObserver((entries) => {
    near = entries.at(-1)?.isIntersecting ?? near;
    tell();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", tell);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}

// src/resizer.ts
var [LEAST, MOST] = [16, 4096];
var PACE = 200;
var [STEP, LEAP] = [16, 64];
var ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1]
};
var clamp = (pixels) => Math.min(Math.max(2 * Math.round(pixels / 2), LEAST), MOST);
function createResizer(picture, resize) {
  const handle = make("button", "nbpipe-handle", icon("corner"));
  handle.type = "button";
  const outline = make("div", "nbpipe-outline");
  outline.hidden = true;
  const element = make("div", "nbpipe-resizer", outline, handle);
  let size2 = [1, 1];
  const hold = new Hold(
    (now) => {
      size2 = now;
      handle.title = `${now[0]} × ${now[1]}`;
      handle.setAttribute(
        "aria-label",
        `Size of the picture, ${now[0]} by ${now[1]} pixels; arrow keys change it`
      );
    },
    (said, wanted) => said.join() === wanted.join()
  );
  let pull = null;
  let timer;
  function ask(wanted) {
    hold.want(wanted);
    resize(wanted);
  }
  function askPulled() {
    clearTimeout(timer);
    timer = void 0;
    if (!pull || pull.wanted.join() === pull.asked.join()) return;
    pull.asked = pull.wanted;
    ask(pull.wanted);
  }
  function show([width, height], scale) {
    outline.style.width = `${width * scale}px`;
    outline.style.height = `${height * scale}px`;
    outline.textContent = `${width} × ${height}`;
  }
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const scale = picture.getBoundingClientRect().width / size2[0] || 1;
    pull = { x: event.clientX, y: event.clientY, size: size2, scale, wanted: size2, asked: size2 };
    show(size2, scale);
    outline.hidden = false;
  });
  handle.addEventListener("pointermove", (event) => {
    if (!pull) return;
    const [width, height] = pull.size;
    pull.wanted = [
      clamp(width + (event.clientX - pull.x) / pull.scale),
      clamp(height + (event.clientY - pull.y) / pull.scale)
    ];
    show(pull.wanted, pull.scale);
    timer ??= setTimeout(askPulled, PACE);
  });
  handle.addEventListener("lostpointercapture", () => {
    askPulled();
    pull = null;
    outline.hidden = true;
  });
  handle.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const step = event.shiftKey ? LEAP : STEP;
    ask([clamp(size2[0] + arrow[0] * step), clamp(size2[1] + arrow[1] * step)]);
  });
  return {
    element,
    paint(now, usable) {
      hold.say(now);
      handle.disabled = !usable;
    },
    close() {
      clearTimeout(timer);
      hold.close();
    }
  };
}

// src/stage.ts
function createStage(resize) {
  const canvas = make("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.dataset.lmSuppressShortcuts = "true";
  const caption = make("div", "nbpipe-caption");
  const resizer = createResizer(canvas, resize);
  const box = make("div", "nbpipe-box", canvas, caption, resizer.element);
  const element = make("div", "nbpipe-stage", box);
  let lit = false;
  return {
    element,
    canvas,
    get lit() {
      return lit;
    },
    draw(picture) {
      drawOn(canvas, picture);
      lit = true;
      element.classList.add("nbpipe-lit");
    },
    paint({ name, size: size2 }, words, usable) {
      const [width, height] = size2;
      box.style.setProperty("--nbpipe-aspect", String(width / height));
      box.style.setProperty("--nbpipe-across", `${width}px`);
      canvas.setAttribute("aria-label", `Live picture of ${name || "the scene"}. Escape leaves it.`);
      write(caption, lit ? "" : words);
      resizer.paint(size2, usable);
    },
    close: resizer.close
  };
}

// src/status.ts
function createStatus(more) {
  const details = make("span", "nbpipe-details");
  const stream = make("span", "nbpipe-chip");
  const renderer = make("span", "nbpipe-chip");
  const footer = make("div", "nbpipe-footer", details, make("span", "nbpipe-chips", more, stream, renderer));
  const hint = make("div", "nbpipe-hint");
  const error = make("pre", "nbpipe-error");
  error.tabIndex = 0;
  error.setAttribute("aria-label", "Error");
  const spoken = make("span", "nbpipe-spoken");
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  const element = make("div", "nbpipe-status", footer, hint, error, spoken);
  let latest = null;
  function tick(frame) {
    if (latest) write(details, detailWords2(latest, frame));
  }
  return {
    element,
    tick,
    paint(preview, situation) {
      latest = preview;
      tick(preview.frame);
      write(stream, streamWords(preview.stream));
      stream.title = streamTitle(preview.stream);
      write(renderer, rendererWords(preview));
      renderer.title = rendererTitle(preview);
      renderer.classList.toggle("nbpipe-amber", preview.software);
      write(hint, situationWords(situation));
      write(error, preview.error);
      const words = spokenWords(preview, situation);
      if (spoken.textContent !== words) spoken.textContent = words;
    }
  };
}

// src/transport.ts
var SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];
var TIME_AGREES = 0.5;
var TIME_IS = 1e-6;
function createTransport({ set, step }) {
  const timeline = make("input", "nbpipe-timeline");
  timeline.type = "range";
  timeline.min = "0";
  timeline.step = "any";
  timeline.setAttribute("aria-label", "Time");
  const back = makeIconButton("Step back", "back");
  const play = makeIconButton("Play", "resume");
  const forward = makeIconButton("Step forward", "forward");
  const loop = makeIconButton("Loop", "loop");
  play.classList.add("nbpipe-play");
  const clock2 = make("span", "nbpipe-clock");
  const speed3 = make("select", "nbpipe-select");
  speed3.setAttribute("aria-label", "Speed");
  speed3.title = "Speed";
  const element = make("div", "nbpipe-transport", back, play, forward, clock2, loop, speed3);
  const all = [timeline, back, play, forward, loop, speed3];
  let duration = 1;
  const playing = new Hold((now) => {
    const [name, drawing] = now ? ["Pause", "pause"] : ["Play", "resume"];
    if (play.title === name) return;
    play.title = name;
    play.setAttribute("aria-label", name);
    play.replaceChildren(icon(drawing));
  });
  const looping = new Hold((now) => loop.setAttribute("aria-pressed", String(now)));
  const pace = new Hold((now) => {
    const values = SPEEDS.includes(now) ? SPEEDS : [...SPEEDS, now].sort((a, b) => a - b);
    if (values.length !== speed3.options.length || values.some((value, at) => Number(speed3.options[at]?.value) !== value)) {
      speed3.replaceChildren(...values.map((value) => makeOption(speedWords(value), value)));
    }
    speed3.value = String(now);
  });
  const time = new Hold(
    (now) => {
      timeline.value = String(now);
      tellTime(now);
    },
    (said, wanted) => Math.abs(said - wanted) <= (play.title === "Play" ? TIME_IS : TIME_AGREES)
  );
  function tellTime(now) {
    write(clock2, timeWords(now, duration));
    timeline.style.setProperty("--nbpipe-share", `${Math.min(now / duration, 1) * 100}%`);
    timeline.setAttribute("aria-valuetext", spokenTime(now, duration));
  }
  function toggle(hold, name, value) {
    hold.want(value);
    set({ name, value });
  }
  function go(by) {
    time.forget();
    step(by);
  }
  play.addEventListener("click", () => toggle(playing, "playing", play.title === "Play"));
  loop.addEventListener("click", () => toggle(looping, "loop", loop.getAttribute("aria-pressed") !== "true"));
  back.addEventListener("click", () => go(-1));
  forward.addEventListener("click", () => go(1));
  speed3.addEventListener("change", () => {
    pace.want(Number(speed3.value));
    set({ name: "speed", value: Number(speed3.value) });
  });
  timeline.addEventListener("input", () => {
    const wanted = Number(timeline.value);
    time.want(wanted, true);
    set({ name: "time", value: wanted });
  });
  timeline.addEventListener("change", () => time.release());
  timeline.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) play.click();
  });
  return {
    timeline,
    element,
    paint(preview, usable) {
      duration = preview.duration;
      timeline.max = String(duration);
      playing.say(preview.playing);
      looping.say(preview.loop);
      pace.say(preview.speed);
      time.say(preview.time);
      for (const one of all) one.disabled = !usable;
    },
    tick: (now) => time.say(now),
    close() {
      for (const hold of [playing, looping, pace, time]) hold.close();
    }
  };
}

// src/preview.ts
var TICK2 = 100;
var SILENCE = 3e3;
function openView(session, model, host) {
  const situation = { gone: false, young: true, heard: false };
  let { size: size2 } = readPreview(model);
  const stage = createStage((value) => session.say({ type: "set", name: "size", value }));
  const transport = createTransport({
    set: (setting) => session.put(setting.name, { type: "set", ...setting }),
    step: (by) => session.say({ type: "step", by })
  });
  const actions = createActions({
    record: () => session.say({ type: "record" }),
    take: (on) => session.say({ type: "take", on }),
    drop: () => session.say({ type: "drop" })
  });
  const controls = createControls(
    (name, value) => session.put(`param ${name}`, { type: "param", name, value })
  );
  const made = createRecordView((wish) => session.say({ type: wish }));
  const poster = createPoster();
  const status = createStatus(actions.taken);
  const root = make(
    "div",
    "nbpipe nbpipe-preview",
    stage.element,
    transport.timeline,
    make(
      "div",
      "nbpipe-deck",
      make("div", "nbpipe-rack", transport.element, actions.element),
      status.element
    ),
    controls.element,
    made.element,
    poster.element
  );
  root.setAttribute("role", "group");
  function paint() {
    const preview = { ...readPreview(model), ...session.moment };
    if (situation.gone) Object.assign(preview, { playing: false, taking: false });
    situation.heard = session.heard;
    const usable = session.heard && !situation.gone;
    size2 = preview.size;
    root.setAttribute("aria-label", `Preview of ${preview.name}`);
    root.style.setProperty("--nbpipe-width", `${preview.size[0]}px`);
    stage.paint(preview, waitingWords(preview, situation), usable);
    transport.paint(preview, usable);
    actions.paint(preview, usable, session.takingSince);
    controls.paint(preview.parameters, usable);
    status.paint(preview, situation);
    paintRecording(preview, usable);
    const dark = situation.gone && !stage.lit;
    stage.element.hidden = dark;
    poster.hide(dark ? "" : preview.posterMark);
  }
  function paintRecording({ record: record2 }, usable) {
    const { film } = session;
    if (record2 && usable) fetchWhenWhole(film, record2);
    made.paint(record2, film, situation);
  }
  const stopKernel = watchKernel(model, host, () => {
    situation.gone = true;
    paint();
  });
  const stopHello = sayHello({
    say() {
      if (!situation.gone && !session.heard) session.hello();
    },
    over: () => situation.gone || session.heard,
    waited() {
      situation.young = false;
      paint();
    }
  });
  const stopInput = watchInput(
    stage.canvas,
    () => size2,
    (events) => {
      if (session.heard && !situation.gone) session.say({ type: "events", events });
    }
  );
  function draw(picture) {
    const first = !stage.lit;
    drawn = performance.now();
    stage.draw(picture);
    if (picture.moment) {
      session.moment = picture.moment;
      tick();
    }
    if (first) paint();
  }
  function tick() {
    const now = performance.now();
    if (now < ticked + TICK2) return;
    ticked = now;
    transport.tick(session.moment.time);
    status.tick(session.moment.frame);
  }
  let ticked = Number.NEGATIVE_INFINITY;
  let drawn = performance.now();
  const stirring = setInterval(() => {
    const { playing, error } = readPreview(model);
    const silent = performance.now() - drawn >= SILENCE;
    if (playing && !error && silent && !situation.gone) session.stir();
  }, SILENCE);
  let stopFrames = () => {
  };
  const stopSight = watchSight(root, (visible) => {
    stopFrames();
    stopFrames = visible ? session.frames.attach(draw) : () => {
    };
    session.look(root, visible);
  });
  root.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (plain && !["Escape", "Tab", "Enter"].includes(event.key)) event.stopPropagation();
  });
  paint();
  host.append(root);
  session.views.add(paint);
  return () => {
    clearInterval(stirring);
    session.look(root, false);
    session.views.delete(paint);
    for (const stop of [stopSight, stopFrames, stopInput, stopHello, stopKernel]) stop();
    for (const part of [stage, transport, actions, controls, made]) part.close();
    root.remove();
  };
}
var createPreview = () => createEntry(openSession, openView);
var preview_default = createPreview;
export {
  preview_default as default
};
