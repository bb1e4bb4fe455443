/**
 * One parameter's control, by its kind.
 *
 * Owns: the elements of one control, and the way between what they hold and the parameter's value. A control
 * shows a value and tells of a new one; whose word counts is not its business (controls.ts).
 * Must not know: other parameters, the kernel.
 */
import { make, makeOption } from "./elements.ts";
import type {
  BoolParameter,
  ChoiceParameter,
  ColorParameter,
  NumberParameter,
  Parameter,
  Value,
  VectorParameter,
} from "./parameters.ts";

export interface Control {
  /** The first is named by the parameter's label. */
  inputs: readonly (HTMLInputElement | HTMLSelectElement)[];
  /** Never rewrites a field that a person is typing in. */
  show(value: Value): void;
}

/** `changed` is called with each new value of a person's. */
export function createControl(parameter: Parameter, changed: (value: Value) => void): Control {
  switch (parameter.kind) {
    case "float":
    case "int":
      return numberControl(parameter, changed);
    case "bool":
      return boolControl(parameter, changed);
    case "color":
      return colorControl(parameter, changed);
    case "vector":
      return vectorControl(parameter, changed);
    case "choice":
      return choiceControl(parameter, changed);
  }
}

function numberControl(parameter: NumberParameter, changed: (value: Value) => void): Control {
  const { kind, range, label } = parameter;
  const step = stepOf(parameter);
  const field = makeField(label, range, step, tell);
  if (!range) return { inputs: [field], show: (value) => showNumber(field, Number(value)) };
  const slider = make("input", "nbpipe-slider");
  slider.type = "range";
  slider.setAttribute("aria-label", label);
  [slider.min, slider.max] = [String(range[0]), String(range[1])];
  // The browser would count steps from the minimum, and leave out a maximum that is not one of them.
  slider.step = kind === "int" ? String(step) : "any";
  slider.addEventListener("input", () => tell(rounded(Number(slider.value), step, range)));

  function tell(value: number): void {
    changed(kind === "int" ? Math.round(value) : value);
  }
  return {
    inputs: [slider, field],
    show(value) {
      const number = Number(value);
      slider.value = String(number);
      slider.style.setProperty("--nbpipe-share", `${((number - range[0]) / (range[1] - range[0])) * 100}%`);
      showNumber(field, number);
    },
  };
}

function boolControl({ label }: BoolParameter, changed: (value: Value) => void): Control {
  const box = make("input", "nbpipe-check");
  box.type = "checkbox";
  box.setAttribute("aria-label", label);
  box.addEventListener("change", () => changed(box.checked));
  return {
    inputs: [box],
    show(value) {
      box.checked = value === true;
    },
  };
}

function colorControl({ label, value: initial }: ColorParameter, changed: (value: Value) => void): Control {
  const picker = make("input", "nbpipe-color");
  picker.type = "color";
  picker.setAttribute("aria-label", label);
  const alpha = make("input", "nbpipe-slider");
  alpha.type = "range";
  [alpha.min, alpha.max, alpha.step] = ["0", "1", "0.01"];
  alpha.setAttribute("aria-label", `${label}, opacity`);
  const hasAlpha = initial.length === 4;

  function tell(): void {
    const colour = fromHex(picker.value);
    changed(hasAlpha ? [...colour, Number(alpha.value)] : colour);
  }
  for (const input of [picker, alpha]) input.addEventListener("input", tell);
  return {
    inputs: hasAlpha ? [picker, alpha] : [picker],
    show(value) {
      const [red = 0, green = 0, blue = 0, opacity = 1] = value as readonly number[];
      picker.value = toHex([red, green, blue]);
      alpha.value = String(opacity);
      alpha.style.setProperty("--nbpipe-share", `${opacity * 100}%`);
    },
  };
}

function vectorControl(parameter: VectorParameter, changed: (value: Value) => void): Control {
  const { label, range, value: initial } = parameter;
  const step = stepOf(parameter);
  let now = initial;
  const fields = initial.map((_, at) =>
    makeField(`${label}, ${"xyzw"[at]}`, range, step, (number) =>
      changed(now.map((other, of) => (of === at ? number : other))),
    ),
  );
  return {
    inputs: fields,
    show(value) {
      now = value as readonly number[];
      for (const [at, field] of fields.entries()) showNumber(field, now[at] ?? 0);
    },
  };
}

function choiceControl({ label, options }: ChoiceParameter, changed: (value: Value) => void): Control {
  const menu = make("select", "nbpipe-select", ...options.map((option, at) => makeOption(option, at)));
  menu.setAttribute("aria-label", label);
  menu.addEventListener("change", () => changed(Number(menu.value)));
  return {
    inputs: [menu],
    show(value) {
      menu.value = String(value);
    },
  };
}

type Range = readonly [number, number] | null;

function makeField(
  label: string,
  range: Range,
  step: number,
  tell: (value: number) => void,
): HTMLInputElement {
  const field = make("input", "nbpipe-field");
  field.type = "number";
  field.setAttribute("aria-label", label);
  field.step = String(step);
  if (range) [field.min, field.max] = [String(range[0]), String(range[1])];
  // Half a number, or one beyond the limits, is not yet a value.
  field.addEventListener("input", () => {
    const value = field.valueAsNumber;
    if (Number.isFinite(value) && (!range || (value >= range[0] && value <= range[1]))) tell(value);
  });
  return field;
}

/** Six digits are more than a person tells apart, and fit the field. */
function showNumber(field: HTMLInputElement, value: number): void {
  if (!field.matches(":focus")) field.value = String(Number(value.toPrecision(6)));
}

/** Some hundreds of them fill the range, or a parameter without one moves by tenths. */
function stepOf({ kind, step, range }: NumberParameter | VectorParameter): number {
  if (step !== null) return step;
  if (kind === "int") return 1;
  return range ? 10 ** Math.floor(Math.log10((range[1] - range[0]) / 200)) : 0.1;
}

/** To a whole number of steps from the minimum; both ends can be reached. */
function rounded(value: number, step: number, [least, most]: readonly [number, number]): number {
  if (value === least || value === most) return value;
  const near = Number((least + Math.round((value - least) / step) * step).toPrecision(12));
  return Math.min(Math.max(near, least), most);
}

function toHex(colour: readonly number[]): string {
  const parts = colour.map((share) => Math.round(Math.min(Math.max(share, 0), 1) * 255));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function fromHex(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
}
