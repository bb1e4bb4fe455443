/**
 * A view's hello, said until the kernel answers.
 *
 * Owns: when to say it again, and when to give up. Must not know: what is said, and who answers.
 */

/** How long a view waits for the kernel to show that it hears the browser, in milliseconds. */
const PATIENCE = 1500;

/** How often it says hello. The first may come before JupyterLab has a subshell for it, and wait for the cell's end. */
const HELLOS = 8;

export interface Hello {
  say(): void;
  /** Nobody needs to say it any more: answered, or the kernel is gone. */
  over(): boolean;
  /** Called after each wait, answered or not. */
  waited(): void;
}

/** Returns the way to stop. The first hello goes to a kernel that has answered another view, too. */
export function sayHello({ say, over, waited }: Hello): () => void {
  let hellos = 0;
  const next = () => {
    hellos += 1;
    say();
  };
  const timer = setInterval(() => {
    waited();
    if (over() || hellos === HELLOS) clearInterval(timer);
    else next();
  }, PATIENCE);
  next();
  return () => clearInterval(timer);
}
