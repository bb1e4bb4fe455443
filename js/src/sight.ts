/**
 * Whether a person can see an element.
 *
 * Owns: the two reasons why not: it is scrolled away (or its tab of the notebook is hidden), or the page is.
 * Must not know: what is shown.
 */

/** Calls back with the first answer, soon, and with each other one. Returns the way to stop. */
export function watchSight(element: Element, seen: (visible: boolean) => void): () => void {
  let near: boolean | null = null;
  let told: boolean | null = null;
  const tell = () => {
    if (near === null) return;
    const visible = near && document.visibilityState === "visible";
    if (visible === told) return;
    told = visible;
    seen(visible);
  };
  const observer = new IntersectionObserver((entries) => {
    // Several changes of one element come together when the page was busy.
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
