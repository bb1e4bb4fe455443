/**
 * A value that both a person and the kernel may change.
 *
 * Owns: whose word counts. While a person holds it, and until the kernel has had the time to answer, what the
 * kernel says is put aside: it is older than the hand. Its last word is shown in the end, so that a value which
 * the kernel refused or corrected shows as it is. Must not know: elements, messages.
 */

/** How long a let-go value stays without the kernel's agreement, in milliseconds: a slow scene's next picture. */
const PATIENCE = 2500;

export class Hold<T> {
  #show: (value: T) => void;
  #agrees: (said: T, wanted: T) => boolean;
  #wanted: { value: T } | null = null;
  #said: { value: T } | null = null;
  #held = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `show` gets every value that counts, whoever's; `agrees` tells whether one answers what was wanted. */
  constructor(show: (value: T) => void, agrees: (said: T, wanted: T) => boolean = Object.is) {
    this.#show = show;
    this.#agrees = agrees;
  }

  /** The kernel's value. */
  say(value: T): void {
    this.#said = { value };
    if (this.#wanted && !this.#held && this.#agrees(value, this.#wanted.value)) this.forget();
    else if (!this.#wanted) this.#show(value);
  }

  /** A person's value; `held` while the finger is still on it. */
  want(value: T, held = false): void {
    this.#wanted = { value };
    this.#held = held;
    this.#wait();
    this.#show(value);
  }

  /** The finger is gone. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#wait();
  }

  /** What the person wanted counts no more: the kernel has answered, or was asked for something else since. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#wanted = null;
    if (this.#said) this.#show(this.#said.value);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (!this.#held) this.#timer = setTimeout(() => this.forget(), PATIENCE);
  }
}
