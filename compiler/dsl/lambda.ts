/**
 * Functions that users hand to operators. They are never run: the rewriter notes the position of each and the constants in its scope, and
 * the compiler reads its text.
 */
import { describeValue } from "./faults.js";

/** A column's value in a user's function: the compiler types it by the column it turns out to be. */
// biome-ignore lint/suspicious/noExplicitAny: parameter names choose the columns, and TypeScript's types cannot see names
export type ColumnValue = any;

/** A function of columns, by parameter name. */
export type ColumnFunction = (...columns: ColumnValue[]) => unknown;

/** A constant that a function can see: plain data, or what it is instead, in words. */
export type Captured = { readonly value: unknown } | { readonly seen: string };

/** A function, as the graph records it. */
export interface LambdaReference {
  /** Index into the program's list of functions; undefined where the rewriter has not seen it. */
  readonly index?: number;
  readonly captured: Readonly<Record<string, Captured>>;
}

const noted = new WeakMap<object, LambdaReference>();

/** The rewriter's wrapper of a function. @param constants reads each outer name that the function uses @internal */
export function $lambda<F extends (...columns: ColumnValue[]) => unknown>(
  f: F,
  index: number,
  constants: Readonly<Record<string, () => unknown>> = {},
): F {
  if (typeof f === "function") {
    const captured = Object.fromEntries(Object.entries(constants).map(([name, read]) => [name, capture(read)]));
    noted.set(f, { index, captured });
  }
  return f;
}

/** The rewriter's mark of a function that is an option. */
export const $place = (index: number, constants: Readonly<Record<string, () => unknown>> = {}): LambdaReference => ({
  index,
  captured: Object.fromEntries(Object.entries(constants).map(([name, read]) => [name, capture(read)])),
});

/** The reference that the graph carries in place of a function. */
export const lambdaReference = (f: unknown): LambdaReference =>
  (typeof f === "function" && noted.get(f)) || { captured: {} };

function capture(read: () => unknown): Captured {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    return { seen: `not there yet (${(error as Error).message})` };
  }
  return isPlain(value, 4) ? { value: structuredClone(value) } : { seen: describeValue(value) };
}

/** Numbers, texts, booleans, nothing, and lists and records of these. */
function isPlain(value: unknown, depth: number): boolean {
  if (value === null || ["undefined", "number", "bigint", "string", "boolean"].includes(typeof value)) return true;
  if (typeof value !== "object" || depth === 0) return false;
  if (Array.isArray(value)) return value.every(item => isPlain(item, depth - 1));
  return (
    Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(item => isPlain(item, depth - 1))
  );
}
