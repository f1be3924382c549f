/**
 * Parameters between the server (integers are bigints) and a model (integers are numbers where they are safe).
 */
import type { Parameter } from "../../../base/tensor.js";
import type { ModelParameter } from "./api.js";

type Entries = readonly (readonly [string, Parameter])[];

export const readParameters = (entries: Entries): Readonly<Record<string, ModelParameter>> =>
  Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    ]),
  );

export const writeParameters = (parameters: Readonly<Record<string, ModelParameter>>): Entries =>
  Object.entries(parameters).map(([key, value]) => [
    key,
    typeof value === "number" && Number.isInteger(value) ? BigInt(value) : value,
  ]);
