/**
 * Finds the shape of an input without one: from its nesting, else from the model's declaration.
 */
import { wrong } from "./client-error.js";

export interface Flat {
  readonly items: ArrayLike<unknown>;
  /** Sizes along the axes that the value itself shows; undefined for a flat list. */
  readonly shape?: readonly number[];
}

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
/** Bytes are one element of a BYTES tensor. */
const isLeaf = (value: unknown, bytes: boolean): boolean => !isList(value) || (bytes && value instanceof Uint8Array);

/**
 * Lists in lists → one list and its shape. @throws InvalidRequestError for rows of different lengths
 * @param bytes whether the tensor is BYTES
 */
export function flatten(value: unknown, bytes: boolean, name: string): Flat {
  if (isLeaf(value, bytes)) return { items: [value], shape: [] };
  const list = value as ArrayLike<unknown>;
  if (!Array.isArray(list) || list.length === 0 || isLeaf(list[0], bytes)) return { items: list };
  const shape: number[] = [];
  let level: readonly unknown[] = [list];
  while (level.length > 0 && !isLeaf(level[0], bytes)) {
    const rows = level as readonly ArrayLike<unknown>[];
    const width = rows[0]!.length;
    const odd = rows.findIndex(row => !isList(row) || row.length !== width);
    if (odd >= 0)
      throw wrong(
        `input \`${name}\`: row ${odd} has ${rows[odd]?.length ?? "no"} items and row 0 has ${width}; rows of a tensor are equally long. For a ragged column use \`ragged()\``,
      );
    shape.push(width);
    level = rows.flatMap(row => Array.from(row));
  }
  return { items: level, shape };
}

/** The shape of `count` elements for a tensor that is declared so. @throws InvalidRequestError where that leaves a choice */
export function inferShape(count: number, declared: readonly number[], name: string): readonly number[] {
  const free = declared.filter(dim => dim < 0).length;
  let fixed = 1;
  for (const dim of declared) if (dim >= 0) fixed *= dim;
  const says = `input \`${name}\` is declared as [${declared.join(",")}]`;
  if (free === 0) {
    if (fixed !== count) throw wrong(`${says}, ${fixed} elements, and gets ${count}`);
    return declared;
  }
  if (free === 1 || count === fixed) {
    const size = free === 1 ? count / fixed : 1;
    if (!Number.isInteger(size)) throw wrong(`${says}, rows of ${fixed} elements, and gets ${count}`);
    return declared.map(dim => (dim < 0 ? size : dim));
  }
  throw wrong(`${says} and gets ${count} elements in one list: nest them, or give \`{ shape, data }\``);
}
