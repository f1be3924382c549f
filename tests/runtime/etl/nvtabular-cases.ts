/** The results of NVTabular 23.08 (for hashes: pandas), written by `tests/oracles/nvtabular/generate.py`. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Plan } from "#contract/plan.js";
import { datatype } from "#triton-protos/datatype.js";
import type { Feature } from "../../formats/merlin-schema/schema-features.js";
import type { Cell, Cells } from "./table-values.js";
import { type Link, outputSchema } from "./workflow-plan.js";

export interface Case {
  readonly name: string;
  readonly oracle: "nvtabular" | "pandas";
  readonly types: Readonly<Record<string, string>>;
  readonly links: readonly Link[];
  readonly fit: Cells;
  readonly request?: Cells;
  readonly expected: Cells;
  readonly schema?: readonly Feature[];
  /** The state of each column in NVTabular's operator, under its names. */
  readonly learnt?: Readonly<Record<string, Readonly<Record<string, Cell>>>>;
  /** Parquet files that operators read, by name. */
  readonly files?: Readonly<
    Record<string, { readonly types: Readonly<Record<string, string>>; readonly cells: Cells }>
  >;
  readonly note?: string;
}

/** @param name of a file in `tests/fixtures/nvtabular` */
export const readCases = (name: string): readonly Case[] =>
  JSON.parse(readFileSync(new URL(`../../fixtures/nvtabular/${name}`, import.meta.url), "utf8")) as Case[];

/** NVTabular computes float32 columns in float32, Merlon in float64: they agree to float32's precision. */
export function expectClose(
  actual: Cell | readonly Cell[],
  expected: Cell | readonly Cell[],
  tolerance: number,
  where: string,
): void {
  if (Array.isArray(expected)) {
    expect(actual, where).toHaveLength(expected.length);
    for (const [i, item] of expected.entries()) expectClose((actual as Cell[])[i]!, item, tolerance, `${where}[${i}]`);
  } else if (typeof expected === "number" && typeof actual === "number") {
    const off = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
    expect(off, `${where}: ${actual} for ${expected}`).toBeLessThanOrEqual(tolerance);
  } else expect(actual, where).toEqual(expected);
}

/** A group has the position of its first row; NVTabular sorts them by key. */
export function expectColumns(
  actual: Readonly<Record<string, Cell[]>>,
  { expected, note, links }: Case,
  way: string,
  plan: Plan,
): void {
  const keys = links.find(link => link.op === "groupby")?.params?.by as string | string[] | undefined;
  const sorted = keys === undefined ? actual : sortRows(actual, [keys].flat());
  for (const [name, cells] of Object.entries(expected)) {
    // Logarithms and quotients may differ in the last bits between libraries; ids and counts may not.
    const { kind, bytes: width } = datatype(outputSchema(plan, name).dtype);
    const bytes = kind === "float" ? width : 0;
    const tolerance = bytes === 0 ? 0 : note === "float32" ? 2e-6 : bytes === 4 ? 1.2e-7 : 1e-9;
    expectClose(sorted[name]!, cells, tolerance, `${way}, ${name}`);
  }
}

function sortRows(cells: Readonly<Record<string, Cell[]>>, by: readonly string[]): Record<string, Cell[]> {
  const order = cells[by[0]!]!.map((_, i) => i).sort((a, b) => {
    for (const name of by) {
      const [x, y] = [cells[name]![a]!, cells[name]![b]!];
      if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  });
  return Object.fromEntries(Object.entries(cells).map(([name, column]) => [name, order.map(i => column[i]!)]));
}
