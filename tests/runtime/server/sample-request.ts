/** A plan's inputs → a request of this number of rows: small numbers, known texts, Bloom filters if a step reads them. */

import type { ByName } from "#contract/any-step.js";
import type { ColumnRef, Plan } from "#contract/plan.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { DType } from "#triton-protos/datatype.js";
import { bloomText } from "../engine/schedule/bloom-text.js";
import { tensor } from "./served-plan.js";

export function requestOf({ inputs, steps }: Plan, batched: boolean, rows: number): Tensor[] {
  const filters = new Set(
    steps.flatMap(step => (step.inputs as ByName<ColumnRef>).seen ?? []).map(({ column }) => column),
  );
  const value = (name: string, dtype: DType, i: number) => {
    if (filters.has(name)) return bloomText([10 + i]);
    if (dtype === "string") return ["Ghent", "Turin", "?"][i % 3]!;
    if (/int64/.test(dtype)) return BigInt(1 + (i % 2));
    return dtype === "bool" ? i % 2 : 1 + i / 2;
  };
  return inputs.flatMap(({ name, dtype, list }) => {
    const values = (n: number) => Array.from({ length: n }, (_, i) => value(name, dtype, i));
    if (list && list.min !== list.max)
      return [
        tensor(`${name}__values`, dtype, [rows * 2], values(rows * 2)),
        tensor(
          `${name}__offsets`,
          "int32",
          [rows + 1],
          Array.from({ length: rows + 1 }, (_, i) => 2 * i),
        ),
      ];
    const width = list?.min ?? (batched ? 1 : undefined);
    return [tensor(name, dtype, width === undefined ? [rows] : [rows, width], values(rows * (width ?? 1)))];
  });
}
