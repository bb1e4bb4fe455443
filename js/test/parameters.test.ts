import { describe, expect, it } from "vitest";
import { readParameters } from "../src/parameters.ts";
import { TRAITS_OF_A_PREVIEW } from "./fakes.ts";

const usual = TRAITS_OF_A_PREVIEW._parameters as Record<string, unknown>[];
const changed = (at: number, changes: Record<string, unknown>) =>
  readParameters([{ ...usual[at], ...changes }]);

describe("the parameters", () => {
  it("are read in their order", () => {
    const read = readParameters(usual);
    expect(read.map(({ name, kind }) => [name, kind])).toEqual(usual.map(({ name, kind }) => [name, kind]));
    expect(read[0]).toEqual({
      ...{ name: "gain", label: "gain", kind: "float", value: 0.5, range: [0, 1], step: null },
    });
  });

  it("without limits, or with senseless ones, have none", () => {
    expect(changed(0, { min: null })).toMatchObject([{ range: null }]);
    expect(changed(0, { min: 1, max: 0 })).toMatchObject([{ range: null }]);
    expect(changed(0, { max: Number.POSITIVE_INFINITY })).toMatchObject([{ range: null }]);
    expect(changed(1, { step: -1 })).toMatchObject([{ step: null }]);
  });

  it("are called by their name where they have no label", () => {
    expect(changed(0, { label: 5 })).toMatchObject([{ label: "gain" }]);
  });

  it.each([
    ["no list", { 0: usual[0] }],
    ["nothing", undefined],
    ["junk", [null, 1, "gain", [], {}]],
    ["an unknown kind", [{ ...usual[0], kind: "html" }]],
    ["no name", [{ ...usual[0], name: "" }]],
    ["a text for a number", [{ ...usual[0], value: "1" }]],
    ["not a number", [{ ...usual[0], value: Number.NaN }]],
    ["a number for a switch", [{ ...usual[2], value: 1 }]],
    ["a colour of two parts", [{ ...usual[3], value: [1, 1] }]],
    ["a vector with a hole", [{ ...usual[5], value: [0, null, 1] }]],
    ["a choice of none", [{ ...usual[6], options: [] }]],
    ["a choice beyond the last", [{ ...usual[6], value: 2 }]],
  ])("are left out: %s", (_, value) => {
    expect(readParameters(value)).toEqual([]);
  });

  it("are no more than fit a page, and each once", () => {
    const many = Array.from({ length: 5000 }, (_, at) => ({ ...usual[0], name: `p${at % 4000}` }));
    expect(readParameters(many)).toHaveLength(200);
    expect(readParameters([usual[0], usual[0]])).toHaveLength(1);
  });
});
