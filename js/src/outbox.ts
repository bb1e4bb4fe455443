/**
 * What a person changes faster than the screen: of each thing the newest value goes, once per animation frame.
 *
 * Owns: the values that wait. Must not know: what they are, and who gets them.
 */

export class Outbox<Message> {
  #send: (message: Message) => void;
  #waiting = new Map<string, Message>();
  #animation: number | null = null;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Replaces what waits under the same name. */
  put(name: string, message: Message): void {
    this.#waiting.set(name, message);
    this.#animation ??= requestAnimationFrame(() => this.flush());
  }

  /** At once, before something that must come after it. */
  flush(): void {
    const messages = [...this.#waiting.values()];
    this.drop();
    for (const message of messages) this.#send(message);
  }

  /** There is nobody to send them to. */
  drop(): void {
    if (this.#animation !== null) cancelAnimationFrame(this.#animation);
    this.#animation = null;
    this.#waiting.clear();
  }
}
