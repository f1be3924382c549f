import type { RuntimeFault } from "#runtime/base/errors.js";

/** @returns the status and message of the error that it throws; empty if it throws nothing */
export const caught = (act: () => unknown): string => {
  try {
    act();
    return "";
  } catch (error) {
    return `${(error as RuntimeFault).code} ${(error as Error).message}`;
  }
};
