/**
 * A tensor as text in the form → its shape and elements: JSON lists, with NaN, Infinity and integers of any size. One value alone fills a whole tensor.
 */
import type { Tensor } from "./state.js";

/** Numbers are texts where a double would round them; null marks a missing value. */
export type Element = number | string | boolean | null;

export interface Parsed {
  readonly shape: readonly number[];
  readonly values: readonly Element[];
}

/** A tensor of more elements is prefilled with one value. */
const MOST_PREFILLED = 256;

/** Sizes with 1 for those that vary. */
const sizesOf = ({ shape }: Tensor): number[] => shape.map(size => (Number(size) < 0 ? 1 : Number(size)));
const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** A text that the form accepts, of the model's own shape. */
export function sampleText(tensor: Tensor): string {
  const value = tensor.datatype === "BYTES" ? '"a"' : tensor.datatype === "BOOL" ? "true" : "1";
  const sizes = sizesOf(tensor);
  if (product(sizes) > MOST_PREFILLED) return value;
  return sizes.reduceRight((inner, size) => `[${new Array<string>(size).fill(inner).join(", ")}]`, value);
}

/** Flat elements as nested lists. */
export function nestText(shape: readonly number[], values: readonly Element[]): string {
  const texts = values.map(value =>
    typeof value === "string" && /^(-?\d+|NaN|-?Infinity)$/.test(value) ? value : JSON.stringify(value),
  );
  const nest = (from: number, depth: number): string => {
    if (depth === shape.length) return texts[from] ?? "null";
    const size = product(shape.slice(depth + 1));
    return `[${Array.from({ length: shape[depth]! }, (_, i) => nest(from + i * size, depth + 1)).join(", ")}]`;
  };
  return nest(0, 0);
}

/** @throws Error that describes the fault in the text */
export function parseTensor(text: string, tensor: Tensor): Parsed {
  const value = JSON.parse(quoteSpecials(text)) as unknown;
  if (Array.isArray(value)) {
    const shape = shapeOf(value);
    return { shape, values: flatten(value, shape) };
  }
  const shape = sizesOf(tensor);
  return { shape, values: new Array<Element>(product(shape)).fill(elementOf(value)) };
}

/** NaN, Infinity and integers that a double would round become texts; texts stay as they are. */
const quoteSpecials = (text: string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b|-?\b\d{16,}\b(?![.eE\d])/g, token =>
    token.startsWith('"') ? token : `"${token}"`,
  );

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

function flatten(value: unknown, shape: readonly number[], into: Element[] = [], depth = 0): Element[] {
  if (depth === shape.length) into.push(elementOf(value));
  else {
    if (!Array.isArray(value) || value.length !== shape[depth]) throw new Error("its lists have different lengths");
    for (const one of value) flatten(one, shape, into, depth + 1);
  }
  return into;
}

function elementOf(value: unknown): Element {
  if (value === null || ["number", "string", "boolean"].includes(typeof value)) return value as Element;
  throw new Error(Array.isArray(value) ? "its lists have different depths" : "it has an object");
}
