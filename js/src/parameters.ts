/**
 * The scene's parameters as the kernel describes them.
 *
 * Owns: the guard that makes a `Parameter` of one description, or refuses it. Pure, and nothing here throws.
 * Must not know: elements, messages.
 */
import { isCount, isNumber, isObject, text } from "./guards.ts";

/** A scene has a handful; a forged list must not fill the page. */
const MAX_PARAMETERS = 200;
const MAX_OPTIONS = 1000;

interface Common {
  name: string;
  label: string;
}

/** What a parameter's controls show, and send. */
export type Value = number | boolean | readonly number[];

export interface NumberParameter extends Common {
  kind: "float" | "int";
  value: number;
  /** Null: no limit, so no slider. */
  range: readonly [number, number] | null;
  step: number | null;
}
export interface BoolParameter extends Common {
  kind: "bool";
  value: boolean;
}
/** Red, green, blue and perhaps alpha, 0 to 1. */
export interface ColorParameter extends Common {
  kind: "color";
  value: readonly number[];
}
export interface VectorParameter extends Common {
  kind: "vector";
  value: readonly number[];
  range: readonly [number, number] | null;
  step: number | null;
}
export interface ChoiceParameter extends Common {
  kind: "choice";
  /** Which of the options. */
  value: number;
  options: readonly string[];
}

export type Parameter = NumberParameter | BoolParameter | ColorParameter | VectorParameter | ChoiceParameter;

/** Those that are whole; a damaged one is left out, and a second one of the same name too. */
export function readParameters(value: unknown): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const one of Array.isArray(value) ? value.slice(0, MAX_PARAMETERS) : []) {
    const parameter = readParameter(one);
    if (parameter && !found.has(parameter.name)) found.set(parameter.name, parameter);
  }
  return [...found.values()];
}

type Field = "name" | "kind" | "label" | "value" | "min" | "max" | "step" | "options";

function readParameter(raw: unknown): Parameter | null {
  if (!isObject<Field>(raw)) return null;
  const { kind, value } = raw;
  const name = text(raw.name);
  if (name === "") return null;
  const common = { name, label: text(raw.label) || name };
  const limits = {
    range: isNumber(raw.min) && isNumber(raw.max) && raw.min < raw.max ? ([raw.min, raw.max] as const) : null,
    step: isNumber(raw.step) && raw.step > 0 ? raw.step : null,
  };
  switch (kind) {
    case "float":
    case "int":
      return isNumber(value) ? { ...common, ...limits, kind, value } : null;
    case "bool":
      return typeof value === "boolean" ? { ...common, kind, value } : null;
    case "color":
      return isVector(value, 3, 4) ? { ...common, kind, value } : null;
    case "vector":
      return isVector(value, 2, 4) ? { ...common, ...limits, kind, value } : null;
    case "choice": {
      const options = Array.isArray(raw.options) ? raw.options.slice(0, MAX_OPTIONS).map(text) : [];
      return isCount(value) && value < options.length ? { ...common, kind, value, options } : null;
    }
    default:
      return null;
  }
}

const isVector = (value: unknown, least: number, most: number): value is number[] =>
  Array.isArray(value) && value.length >= least && value.length <= most && value.every(isNumber);
