/** Cases of one operator on one column, whose expected values NVTabular computed (`tests/oracles/nvtabular`); operators' own tests run their kernels on them. */
import { readFileSync } from "node:fs";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, scalars } from "./step.js";

interface Recorded {
  readonly name: string;
  readonly types: Readonly<Record<string, string>>;
  readonly links: readonly { readonly op: string; readonly params?: object }[];
  readonly fit: Readonly<Record<string, readonly Item[]>>;
  readonly expected: Readonly<Record<string, readonly Item[]>>;
}

export interface ColumnCase {
  readonly name: string;
  readonly dtype: DType;
  readonly params: object;
  readonly given: readonly Item[];
  /** As the dtype holds them: NVTabular's float32 is printed with fewer digits. Integers of 64 bits are BigInts. */
  readonly expected: readonly unknown[];
}

const RECORDED = JSON.parse(
  readFileSync(new URL("../fixtures/nvtabular/cases.json", import.meta.url), "utf8"),
) as readonly Recorded[];

/** @returns the cases of `op` alone, on a column `x` of scalars whose dtype it keeps */
export function columnCases(op: string): readonly ColumnCase[] {
  return RECORDED.flatMap(({ name, types, links, fit, expected }) => {
    const dtype = (types.x?.startsWith("timestamp") ? "int64" : types.x) as DType;
    const isAlone = links.length === 1 && links[0]!.op === op && Object.keys(types).join() === "x";
    if (!isAlone || !/^(u?int|float)\d+$/.test(dtype)) return [];
    const held = scalars(dtype, expected.x!);
    return [
      {
        name,
        dtype,
        params: links[0]!.params ?? {},
        given: fit.x!,
        expected: expected.x!.map((item, i) => (item === null ? null : held.values[i])),
      },
    ];
  });
}
