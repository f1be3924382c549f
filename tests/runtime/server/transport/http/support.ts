import type { RuntimeFault } from "#runtime/base/errors.js";
import { isSliced, type Sliced } from "#runtime/base/slices.js";

/** Does all the work. @returns its result, and how often it paused */
export function withPauses<T extends object>(given: T | Sliced<T>): { readonly result: T; readonly pauses: number } {
  if (!isSliced(given)) return { result: given, pauses: 0 };
  for (let pauses = 0; ; pauses++) {
    const { done, value } = given.next();
    if (done) return { result: value, pauses };
  }
}

/** @returns the status and message of the error that it throws; empty if it throws nothing */
export const caught = (act: () => unknown): string => {
  try {
    act();
    return "";
  } catch (error) {
    return `${(error as RuntimeFault).code} ${(error as Error).message}`;
  }
};
