/**
 * The version in a client's request: text → number, as C++'s `stol` reads it (a number at the start is enough).
 */
import { invalid } from "../../base/errors.js";
import { type ModelVersion, toVersion } from "../../base/model-version.js";

/** @returns -1 for "the latest" (an empty text) */
export function parseVersion(text: string): ModelVersion {
  if (text === "") return -1;
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  const value = digits === undefined ? undefined : toVersion(digits);
  if (value === undefined)
    throw invalid(
      `failed to get model version from specified version string '${text}' (details: stol), version should be an integral value > 0`,
    );
  if (value < 0) throw invalid(`invalid model version specified '${text}' , version should be an integral value > 0`);
  return value;
}
