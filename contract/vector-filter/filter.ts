/** The condition of a search in a vector database, with a user's values put in. Each store writes it in its own language. */

export type Scalar = number | bigint | string | boolean;
export type Order = "<" | "<=" | ">" | ">=";
export type TextTest = "startsWith" | "endsWith" | "includes";

/** Each test of an attribute is false where the item has none, except `missing: true`. */
export type Filter =
  | { readonly all: readonly Filter[] }
  | { readonly any: readonly Filter[] }
  | { readonly always: boolean }
  | { readonly attribute: string; readonly missing: boolean }
  | { readonly attribute: string; readonly is: Order | "=" | "!="; readonly value: Scalar }
  | { readonly attribute: string; readonly among: readonly Scalar[]; readonly negated: boolean }
  | { readonly attribute: string; readonly text: TextTest; readonly value: string; readonly negated: boolean };

export const ALWAYS: Filter = { always: true };
export const NEVER: Filter = { always: false };

const isConstant = (filter: Filter, always: boolean): boolean => "always" in filter && filter.always === always;

/** Those that hold for all, without parts that decide nothing. */
export function all(parts: readonly Filter[]): Filter {
  if (parts.some(part => isConstant(part, false))) return NEVER;
  const rest = parts.filter(part => !isConstant(part, true));
  return rest.length === 1 ? rest[0]! : rest.length === 0 ? ALWAYS : { all: rest };
}

export function any(parts: readonly Filter[]): Filter {
  if (parts.some(part => isConstant(part, true))) return ALWAYS;
  const rest = parts.filter(part => !isConstant(part, false));
  return rest.length === 1 ? rest[0]! : rest.length === 0 ? NEVER : { any: rest };
}

const keys = new WeakMap<Filter, string>();

/** Equal texts for equal filters. */
export function filterKey(filter: Filter): string {
  let key = keys.get(filter);
  if (key === undefined) {
    key = JSON.stringify(filter, (_, value: unknown) =>
      typeof value === "bigint" ? { integer: String(value) } : value,
    );
    keys.set(filter, key);
  }
  return key;
}

/** Characters of the texts that a user's values put into a filter. A number or a bool counts as 32. */
export function filterSize(filter: Filter): number {
  if ("all" in filter) return filter.all.reduce((sum, part) => sum + filterSize(part), 0);
  if ("any" in filter) return filter.any.reduce((sum, part) => sum + filterSize(part), 0);
  if ("among" in filter) return filter.among.reduce<number>((sum, value) => sum + scalarSize(value), 0);
  return "value" in filter ? scalarSize(filter.value) : 0;
}

const scalarSize = (value: Scalar): number => (typeof value === "string" ? value.length : 32);

/** Returns whether an item fulfills a filter. Tests compare stores with it. */
export function holds(filter: Filter, item: Readonly<Record<string, Scalar | undefined>>): boolean {
  if ("all" in filter) return filter.all.every(part => holds(part, item));
  if ("any" in filter) return filter.any.some(part => holds(part, item));
  if ("always" in filter) return filter.always;
  const value = item[filter.attribute];
  if ("missing" in filter) return filter.missing === (value === undefined);
  if (value === undefined) return false;
  if ("among" in filter) return filter.among.includes(value) !== filter.negated;
  if ("text" in filter) return String(value)[filter.text](filter.value) !== filter.negated;
  switch (filter.is) {
    case "=":
      return value === filter.value;
    case "!=":
      return value !== filter.value;
    case "<":
      return value < filter.value;
    case "<=":
      return value <= filter.value;
    case ">":
      return value > filter.value;
    case ">=":
      return value >= filter.value;
  }
}
