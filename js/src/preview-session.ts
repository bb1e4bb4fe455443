/**
 * What the views of one preview share in one page.
 *
 * Owns: this page's name for itself, the pictures and their decoder, the file of the present recording, what is
 * on its way to the kernel, and whether anybody looks. Must not know: elements, words.
 */
import { Decoder, probeCodecs } from "./decoder.ts";
import { Film } from "./film.ts";
import { Frames } from "./frames.ts";
import type { Recording } from "./model.ts";
import { Nudge } from "./nudge.ts";
import { Outbox } from "./outbox.ts";
import { type Outgoing, readMessage, readPreview, send, TRAITS } from "./preview-model.ts";
import { type Model, type Moment, watchMessages, watchTraits } from "./wire.ts";
import { isActive } from "./words.ts";

/** What is followed by a picture that shows it. */
const ANSWERED: ReadonlySet<string> = new Set(["set", "step", "param", "events"]);

/** Pictures that may wait for the screen: those of one message, and two of the one before. */
const DEPTH = 5;

export interface Session {
  /** The kernel has answered a hello. */
  readonly heard: boolean;
  readonly frames: Frames;
  /** Of the recording that is under way or has ended last; another one for each. */
  readonly film: Film;
  /** Where the scene is, by whatever told last: the kernel's state, or a picture. */
  moment: Moment;
  /** Since when moves are taken, in milliseconds of `performance.now()`. */
  readonly takingSince: number;
  /** How each view paints itself. */
  readonly views: Set<() => void>;
  hello(): void;
  /** At once. */
  say(message: Outgoing): void;
  /** With the next animation frame, unless a newer one of that name comes before it. */
  put(name: string, message: Outgoing): void;
  /** One view can be seen, or can no longer. */
  look(view: object, visible: boolean): void;
  /** Says again that somebody looks, if somebody does. */
  stir(): void;
  close(): void;
}

export function openSession(model: Model): Session {
  const client = clientName();
  const codecs = probeCodecs();
  const views = new Set<() => void>();
  const looking = new Set<object>();
  let heard = false;
  let closed = false;
  /** Null before the first view has found out. */
  let visible: boolean | null = null;
  let film = newFilm();
  let recording: Recording | null = null;
  let takingSince = 0;
  let taking = false;
  let moment: Moment = { time: 0, frame: 0 };
  let told: Moment | null = null;

  const say = (message: Outgoing) => send(model, message);
  /** What the kernel understands only when it knows this page: said sooner, it could overtake the hello. */
  function tell(message: Outgoing): void {
    if (heard) say(message);
  }
  const frames = new Frames((index, age, shown) => tell({ type: "ack", client, index, age, shown }), DEPTH);
  const nudge = new Nudge(stir);
  /** A person has done something. */
  function act(message: Outgoing): void {
    say(message);
    if (visible && !closed && ANSWERED.has(message.type)) nudge.start();
  }
  const outbox = new Outbox(act);
  const decoder = new Decoder({
    show: (picture, index) => frames.show(picture, index),
    finished: (index) => frames.finished(index),
    // Nothing is lost with packets for others that came before this page was known: it is sent a key packet.
    lost: (index) => tell({ type: "lost", client, index }),
  });

  function stir(): void {
    if (visible) tell({ type: "look", client, visible });
  }
  function repaint(): void {
    for (const paint of views) paint();
  }
  function newFilm(): Film {
    const made: Film = new Film(
      (offset) => say({ type: "video", offset }),
      () => {
        if (made === film) repaint();
      },
    );
    return made;
  }

  function follow(): void {
    const now = readPreview(model);
    if (now.record && isAnother(recording, now.record)) {
      film.close();
      film = newFilm();
    }
    recording = now.record;
    // Only if it has changed: else a picture has told since.
    if (told?.time !== now.time || told.frame !== now.frame) moment = { time: now.time, frame: now.frame };
    told = { time: now.time, frame: now.frame };
    if (now.taking && !taking) takingSince = performance.now();
    taking = now.taking;
  }
  follow();

  const stopMessages = watchMessages(model, readMessage, (message) => {
    if ("awaited" in message && message.awaited !== null) nudge.answered(message.awaited);
    if (message.type === "frame") frames.offer(message);
    else if (message.type === "packets") {
      const last = message.packets.at(-1)?.index ?? 0;
      if (message.awaited !== null) frames.expect(last);
      for (const packet of message.packets) decoder.decode(packet);
      if (message.asks) frames.requestAck(last);
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
    frames,
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
      frames.close();
    },
  };
}

/** A new file is being made, be it under the name of the last one. */
function isAnother(last: Recording | null, now: Recording): boolean {
  if (!last || last.name !== now.name) return true;
  return (now.state === "pending" && last.state !== "pending") || (isActive(now) && !isActive(last));
}

/** Random, so that the kernel can tell this page from others that show the same model. */
function clientName(): string {
  const numbers = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(numbers, (number) => number.toString(16).padStart(2, "0")).join("");
}
