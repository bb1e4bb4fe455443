/**
 * The entry of the live preview's bundle: joins the contract, the picture and the controls. Wiring only.
 *
 *   kernel ─messages─► Frames ◄─ Decoder     newest wins     ► Stage      ┐
 *                    ► Film                  in chunks       ► RecordView ├─ one view
 *          ─traits──► Preview ─────► Transport, Actions, Controls, words  ┘
 *                                           │ uses       Stage │ events
 *          ◄──────── Session ◄──────────────┴──────────────────┘
 *
 * anywidget calls the default export once per model, and hands each view its own proxy of that model: so what
 * the views share lives in a `Session`. A view gets pictures only while a person can see it, and a picture that
 * nobody sees is not acknowledged, so the kernel stops drawing by itself.
 */
import { createActions } from "./actions.ts";
import { createControls } from "./controls.ts";
import { make } from "./elements.ts";
import { createEntry } from "./entry.ts";
import { fetchWhenWhole } from "./film.ts";
import type { Picture } from "./frames.ts";
import { sayHello } from "./hello.ts";
import { watchInput } from "./input.ts";
import { createPoster } from "./poster.ts";
import { type Preview, readPreview } from "./preview-model.ts";
import { openSession, type Session } from "./preview-session.ts";
import { waitingWords } from "./preview-words.ts";
import { createRecordView } from "./record-view.ts";
import { watchSight } from "./sight.ts";
import { createStage } from "./stage.ts";
import { createStatus } from "./status.ts";
import { createTransport } from "./transport.ts";
import { type Model, watchKernel } from "./wire.ts";

/** Milliseconds between two tellings of the time. */
const TICK = 100;
/** Milliseconds without a picture, while time runs, after which the kernel is told that somebody still looks. */
const SILENCE = 3000;

function openView(session: Session, model: Model, host: HTMLElement): () => void {
  const situation = { gone: false, young: true, heard: false };
  let { size } = readPreview(model);

  const stage = createStage((value) => session.say({ type: "set", name: "size", value }));
  const transport = createTransport({
    set: (setting) => session.put(setting.name, { type: "set", ...setting }),
    step: (by) => session.say({ type: "step", by }),
  });
  const actions = createActions({
    record: () => session.say({ type: "record" }),
    take: (on) => session.say({ type: "take", on }),
    drop: () => session.say({ type: "drop" }),
  });
  const controls = createControls((name, value) =>
    session.put(`param ${name}`, { type: "param", name, value }),
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
      status.element,
    ),
    controls.element,
    made.element,
    poster.element,
  );
  root.setAttribute("role", "group");

  function paint(): void {
    const preview = { ...readPreview(model), ...session.moment };
    // Whatever was going on in it is not any more.
    if (situation.gone) Object.assign(preview, { playing: false, taking: false });
    situation.heard = session.heard;
    const usable = session.heard && !situation.gone;
    size = preview.size;
    root.setAttribute("aria-label", `Preview of ${preview.name}`);
    root.style.setProperty("--nbpipe-width", `${preview.size[0]}px`);
    stage.paint(preview, waitingWords(preview, situation), usable);
    transport.paint(preview, usable);
    actions.paint(preview, usable, session.takingSince);
    controls.paint(preview.parameters, usable);
    status.paint(preview, situation);
    paintRecording(preview, usable);
    // A notebook opened without its kernel has no picture but the poster.
    const dark = situation.gone && !stage.lit;
    stage.element.hidden = dark;
    poster.hide(dark ? "" : preview.posterMark);
  }

  function paintRecording({ record }: Preview, usable: boolean): void {
    const { film } = session;
    if (record && usable) fetchWhenWhole(film, record);
    made.paint(record, film, situation);
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
    },
  });
  const stopInput = watchInput(
    stage.canvas,
    () => size,
    (events) => {
      if (session.heard && !situation.gone) session.say({ type: "events", events });
    },
  );
  function draw(picture: Picture): void {
    const first = !stage.lit;
    drawn = performance.now();
    stage.draw(picture);
    if (picture.moment) {
      session.moment = picture.moment;
      tick();
    }
    if (first) paint();
  }
  /**
   * The clock, the time line and the frame's number: laid out anew for each picture they would cost more than it.
   * The last of a movement is told by the exact picture that follows when it rests.
   */
  function tick(): void {
    const now = performance.now();
    if (now < ticked + TICK) return;
    ticked = now;
    transport.tick(session.moment.time);
    status.tick(session.moment.frame);
  }
  let ticked = Number.NEGATIVE_INFINITY;
  let drawn = performance.now();
  // A picture that was lost on its way is never acknowledged, and then each side waits for the other to speak.
  const stirring = setInterval(() => {
    const { playing, error } = readPreview(model);
    const silent = performance.now() - drawn >= SILENCE;
    if (playing && !error && silent && !situation.gone) session.stir();
  }, SILENCE);
  let stopFrames = () => {};
  const stopSight = watchSight(root, (visible) => {
    stopFrames();
    stopFrames = visible ? session.frames.attach(draw) : () => {};
    session.look(root, visible);
  });
  // Plain keys belong to what has the focus here: JupyterLab has shortcuts on them, one of which deletes the cell.
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

const createPreview = () => createEntry(openSession, openView);

export default createPreview;
