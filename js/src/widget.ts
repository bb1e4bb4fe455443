/**
 * The entry of the bundle: joins the contract, the picture and the panel. Wiring only.
 *
 *   kernel ─messages─► Frames (newest wins) ─► Screen ┐
 *                    ► Film   (in chunks)   ─► Screen ├─ one view
 *          ─traits──► Recording ─────────────► Panel  ┘ ─presses─► kernel
 *
 * anywidget calls the default export once per model, and hands each view its own proxy of that model: so what
 * the views of one recording share (the last picture, the fetched file) lives in a `Session`. Frames arrive
 * from `initialize` on, also while no view exists.
 */
import { make } from "./elements.ts";
import { createEntry } from "./entry.ts";
import { Film, fetchWhenWhole } from "./film.ts";
import { Frames } from "./frames.ts";
import { sayHello } from "./hello.ts";
import { readRecording, send, TRAITS } from "./model.ts";
import { createPanel } from "./panel.ts";
import { createPoster } from "./poster.ts";
import { createScreen } from "./screen.ts";
import { type Model, readCommon, watchKernel, watchMessages, watchTraits } from "./wire.ts";

/** What the views of one model share. */
interface Session {
  /** The kernel has answered a hello of one of them. */
  heard: boolean;
  frames: Frames;
  film: Film;
  /** How each view paints itself. */
  views: Set<() => void>;
  close(): void;
}

function openSession(model: Model): Session {
  const views = new Set<() => void>();
  const repaint = () => {
    for (const paint of views) paint();
  };
  const frames = new Frames((index) => send(model, { type: "ack", index }));
  const film = new Film((offset) => send(model, { type: "video", offset }), repaint);
  const stopMessages = watchMessages(model, readCommon, (message) => {
    if (message.type === "frame") frames.offer(message);
    else if (message.type === "chunk") film.take(message);
    else if (message.type === "no-video") film.fail(message.error);
    else {
      session.heard = true;
      repaint();
    }
  });
  const stopTraits = watchTraits(model, TRAITS, repaint);
  const session: Session = {
    heard: false,
    frames,
    film,
    views,
    close() {
      stopMessages();
      stopTraits();
      film.close();
      frames.close();
    },
  };
  return session;
}

function openView(session: Session, model: Model, host: HTMLElement): () => void {
  let gone = false;
  let young = true;
  const screen = createScreen(paint);
  const panel = createPanel((wish) => send(model, { type: wish }));
  const poster = createPoster();
  const root = make("div", "nbpipe", screen.element, panel.element, poster.element);
  root.setAttribute("role", "group");

  function paint(): void {
    const recording = readRecording((trait) => model.get(trait));
    const { film, heard } = session;
    if (!gone) fetchWhenWhole(film, recording);
    root.setAttribute("aria-label", `Recording ${recording.name}`);
    root.style.setProperty("--nbpipe-width", `${recording.size[0]}px`);
    screen.paint(recording, film.status);
    panel.paint(
      recording,
      { gone, heard, young, film: film.status, unplayable: screen.unplayable, beneath: false },
      screen.url,
    );
    // A notebook opened without its kernel has no picture but the poster.
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
    },
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

const createWidget = () => createEntry(openSession, openView);

export default createWidget;
