/**
 * A word that is said again after what a person did, so that TCP does not hold back the picture that answers it.
 *
 * Owns: when it is said. Must not know: what is said, and what the picture tells.
 *
 * Jupyter's server leaves Nagle's algorithm on: of what is small it sends one piece, and the next when that has been
 * acknowledged. The kernel reports first that it is busy, and a machine that has just written acknowledges this only
 * after 40 ms. That long the picture lies in the server, unless the page writes something: it brings the
 * acknowledgement along.
 *
 *     page     key ───►                              nudge ──►
 *     server      ──►┌ busy ──►        picture, held ┄┄┄┄┄┄┄┄┄┄└─► picture
 *     kernel         └──── `took` ─────┘
 *
 * Said before the picture is in the server it only begins the 40 ms anew, by the report that the kernel makes of it.
 * So it follows the time that the kernel has taken for the last pictures, and is said once more if none comes. A
 * person who drags the pointer needs none: the next move is one. Nor does a scene whose pictures take longer than
 * they would be held.
 */

/** Milliseconds that the words take to the kernel and the picture to the server, and a bit. */
const WAY = 8;
/** Milliseconds before which nothing is said: a little more than between two moves of a pointer, at 60 a second. */
const SOONEST = 20;
/** Milliseconds after which it is said again: a picture that was just too late for the first would wait 40. */
const AGAIN = 15;
/** Milliseconds after which nothing is held any more; then a word would be reported, and the picture wait for that. */
const HELD = 40;
/** Pictures whose middle is followed: one may have met a busy moment. */
const LAST = 5;

export class Nudge {
  #say: () => void;
  #took: number[] = [];
  /** When, if no picture has answered it yet. */
  #did: number | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(say: () => void) {
    this.#say = say;
  }

  /** A person has done something, and waits for a picture. */
  start(): void {
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
  answered(took: number): void {
    // Else it answers what was done before, here or elsewhere.
    if (this.#did === null || took >= performance.now() - this.#did) return;
    this.#took = [...this.#took.slice(1 - LAST), took];
    this.stop();
  }

  stop(): void {
    this.#did = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const middle = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
