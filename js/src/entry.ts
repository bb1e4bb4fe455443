/**
 * The way from anywidget into a bundle: one session for each model, shared by all its views.
 *
 * Owns: when the session is opened and closed. Must not know: what a session or a view is made of.
 */
import type { AnyWidget } from "@anywidget/types";
import type { Model } from "./wire.ts";

/** For one model. `openView` returns the way to close the view again. */
export function createEntry<Session extends { close(): void }>(
  openSession: (model: Model) => Session,
  openView: (session: Session, model: Model, host: HTMLElement) => () => void,
) {
  let session: Session | null = null;
  return {
    initialize({ model }) {
      session = openSession(model);
      return () => session?.close();
    },
    render({ model, el }) {
      session ??= openSession(model);
      return openView(session, model, el);
    },
  } satisfies Exclude<AnyWidget, () => unknown>;
}
