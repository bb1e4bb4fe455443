/**
 * The scene's parameters as controls.
 *
 * Owns: one row for each parameter, made anew only when the scene has other parameters, and whose word counts
 * while a person uses one (hold.ts). Must not know: how a control looks inside (control.ts), the wire.
 */
import { type Control, createControl } from "./control.ts";
import { make } from "./elements.ts";
import { Hold } from "./hold.ts";
import type { Parameter, Value } from "./parameters.ts";

export interface Controls {
  element: HTMLElement;
  paint(parameters: readonly Parameter[], usable: boolean): void;
  close(): void;
}

interface Row {
  control: Control;
  hold: Hold<Value>;
}

export function createControls(change: (name: string, value: Value) => void): Controls {
  const element = make("div", "nbpipe-controls");
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", "Parameters");
  let shape = "";
  let rows = new Map<string, Row>();

  function close(): void {
    for (const { hold } of rows.values()) hold.close();
  }

  function build(parameters: readonly Parameter[]): void {
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
    close,
  };
}

/** All that the controls are made of: all but the value, of which only the length counts. */
function shapeOf(parameter: Parameter): unknown {
  const { value } = parameter;
  return { ...parameter, value: typeof value === "object" ? value.length : null };
}

function makeRow(parameter: Parameter, change: (name: string, value: Value) => void) {
  const { name, kind, label } = parameter;
  const control = createControl(parameter, (value) => {
    hold.want(value, true);
    change(name, value);
  });
  const hold = new Hold<Value>(control.show, (said, wanted) => String(said) === String(wanted));
  // A slider that is let go, a field that is left: browsers call both a change.
  for (const input of control.inputs) input.addEventListener("change", () => hold.release());
  const words = make("span", "nbpipe-name", label);
  words.title = name;
  const inputs = make("span", "nbpipe-inputs", ...control.inputs);
  // A press on the words is a press on the box or menu; where there are several inputs it would be on any of them.
  const box = make(control.inputs.length === 1 ? "label" : "div", "nbpipe-control", words, inputs);
  box.dataset.kind = kind;
  return [name, { control, hold }, box] as const;
}
