/** Columns of one dtype below each other. */
import type { Column, Rows, Values } from "./table.js";

/**
 * @param parts at least one; all scalars, all lists, or all of one width
 * @param rows as many as the parts have together
 */
export function stackColumns(parts: readonly Column[], rows: Rows): Column {
  const { dtype, width, offsets } = parts[0]!;
  return {
    dtype,
    rows,
    values: concat(parts.map(({ values }) => values)),
    ...(offsets && { offsets: stackOffsets(parts) }),
    ...(width !== undefined && { width }),
    ...(parts.some(({ validity }) => validity) && { validity: concat(parts.map(present)) as Uint8Array }),
    ...(parts.some(part => part.listValidity) && { listValidity: concat(parts.map(presentLists)) as Uint8Array }),
  };
}

const present = ({ validity, values }: Column): Uint8Array => validity ?? new Uint8Array(values.length).fill(1);

const presentLists = ({ listValidity, rows }: Column): Uint8Array => listValidity ?? new Uint8Array(rows.count).fill(1);

function concat(parts: readonly Values[]): Values {
  const [first] = parts;
  if (Array.isArray(first)) return (parts as readonly (readonly string[])[]).flat();
  const total = parts.reduce((n, part) => n + part.length, 0);
  const all = new (first!.constructor as new (length: number) => Float64Array)(total);
  let at = 0;
  for (const part of parts) {
    all.set(part as Float64Array, at);
    at += part.length;
  }
  return all;
}

function stackOffsets(parts: readonly Column[]): Int32Array {
  const all = new Int32Array(parts.reduce((n, { rows }) => n + rows.count, 1));
  let at = 0;
  for (const { offsets } of parts) {
    const start = all[at]! - offsets![0]!;
    for (let i = 1; i < offsets!.length; i++) all[++at] = start + offsets![i]!;
  }
  return all;
}
