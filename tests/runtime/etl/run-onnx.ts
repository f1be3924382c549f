/**
 * A fitted plan and plain values → plain values, through the plan's ONNX graph in onnxruntime-node and on a Triton's ONNX Runtime. The ONNX
 * half of the operators.
 */

import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { expect } from "vitest";
import { contextOf } from "#compiler/5-emit/onnx/lower-plan.js";
import { lowerStep } from "#compiler/5-emit/onnx/lower-step.js";
import { releaseOf } from "#compiler/5-emit/onnx/triton-models.js";
import { concat, dim, int64 } from "#compiler/onnx/elementary.js";
import { finishGraph } from "#compiler/onnx/finish-graph.js";
import { graphBuilder } from "#compiler/onnx/graph-builder.js";
import { fittedStep } from "#contract/any-step.js";
import type { Plan } from "#contract/plan.js";
import { isRagged } from "#contract/schema.js";
import { graphDtype, type LoweredColumn } from "#operators/shared/onnx/lowered-column.js";
import { LoweringFault } from "#operators/shared/onnx/lowering.js";
import { type DType, datatype } from "#triton-protos/datatype.js";
import type { PythonOnnx } from "../../compiler/5-emit/onnx/python-onnx.js";
import type { Cell, Cells, Value } from "./table-values.js";

export interface LoweredWorkflow {
  readonly onnx: Uint8Array;
  run(cells: Cells): Promise<Record<string, Cell[]>>;
  runElsewhere(python: PythonOnnx, cells: Cells): Promise<Record<string, Cell[]>>;
}

/** @returns the operators' reason, where one has no lowering for this */
export function lowerWorkflow(folder: string, plan: Plan): LoweredWorkflow | { readonly refused: string } {
  const g = graphBuilder();
  const release = releaseOf("24.01");
  let rows: LoweredColumn["rows"] | undefined;
  const columns = new Map<string, LoweredColumn>();
  for (const { name, dtype, list } of plan.inputs) {
    const ragged = list && list.min !== list.max;
    const shape = list ? ["n", ragged ? `${name} width` : list.min] : ["n"];
    const values = g.input(name, graphDtype(dtype), shape);
    rows ??= { id: "request", count: dim(g, values, 0) };
    columns.set(`request\n${name}`, {
      dtype,
      rows,
      values,
      ...(datatype(dtype).kind !== "float" && { valid: g.input(`${name}.valid`, "bool", shape) }),
      ...(ragged && { lengths: g.input(`${name}.lengths`, "int64", ["n"]) }),
      ...(list && !ragged && { width: list.min }),
    });
  }
  const none = (): never => {
    throw new Error("a workflow opens none");
  };
  try {
    for (const step of plan.steps) {
      const context = contextOf(g, step, {
        release,
        form: "unbatched",
        ivf: "probe",
        file: (_, path) => join(folder, "fitted", path),
        feast: none,
        model: none,
        note: () => {},
      });
      lowerStep(fittedStep(step), ref => columns.get(`${ref.step}\n${ref.column}`)!, context).forEach((col, i) => {
        columns.set(`${step.id}\n${step.outputs[i]!.name}`, col);
      });
    }
  } catch (error) {
    if (error instanceof LoweringFault) return { refused: error.reason };
    throw error;
  }
  const made = plan.outputs.map(({ ref, schema }) => ({ schema, col: columns.get(`${ref.step}\n${ref.column}`)! }));
  for (const { schema, col } of made) {
    const list = col.width !== undefined || col.lengths !== undefined;
    const shape = list ? ["n", col.width ?? `${schema.name} places`] : ["n"];
    g.output(`out ${schema.name}`, col.values, shape);
    if (col.valid) g.output(`valid ${schema.name}`, col.valid, shape);
    if (col.lengths) g.output(`lengths ${schema.name}`, col.lengths, ["n"]);
  }
  // Every input is one of the graph's, read or not.
  g.output("rows", concat(g, [rows!.count, int64(g, 0)]), [2]);
  const { onnx } = finishGraph(g, "workflow", release);
  let session: ort.InferenceSession | undefined;
  const read = (answer: Readonly<Record<string, ort.Tensor>>) =>
    Object.fromEntries(
      made.map(({ schema, col }) => [
        schema.name,
        readCells(
          schema.dtype,
          col,
          answer[`out ${schema.name}`]!,
          answer[`valid ${schema.name}`],
          answer[`lengths ${schema.name}`],
        ),
      ]),
    );
  return {
    onnx,
    run: async cells => {
      session ??= await ort.InferenceSession.create(onnx, { logSeverityLevel: 3, intraOpNumThreads: 1 });
      return read(await session.run(feeds(plan, cells)));
    },
    runElsewhere: async (python, cells) => read(await python.run(onnx, feeds(plan, cells))),
  };
}

/** The tensors of a table. */
export function feeds(plan: Plan, cells: Cells): Record<string, ort.Tensor> {
  const fed: Record<string, ort.Tensor> = {};
  for (const col of plan.inputs) {
    const { name, dtype, list } = col;
    const given = cells[name]!;
    const width = list
      ? isRagged(col)
        ? Math.max(1, ...given.map(cell => (cell as Value[] | null)?.length ?? 0))
        : list.min
      : 1;
    const flat = given.flatMap(cell => {
      const items = list ? ((cell ?? []) as readonly Value[]) : [cell as Value];
      return Array.from({ length: width }, (_, i) => items[i] ?? null);
    });
    const shape = list ? [given.length, width] : [given.length];
    fed[name] = valuesTensor(dtype, flat, shape);
    if (datatype(dtype).kind !== "float")
      fed[`${name}.valid`] = new ort.Tensor(
        "bool",
        Uint8Array.from(flat, v => Number(v !== null)),
        shape,
      );
    if (isRagged(col))
      fed[`${name}.lengths`] = new ort.Tensor(
        "int64",
        BigInt64Array.from(given, cell => BigInt((cell as Value[] | null)?.length ?? 0)),
        [given.length],
      );
  }
  return fed;
}

function valuesTensor(dtype: DType, values: readonly Value[], shape: readonly number[]): ort.Tensor {
  const { kind } = datatype(dtype);
  if (kind === "string")
    return new ort.Tensor(
      "string",
      values.map(v => (v as string | null) ?? ""),
      shape,
    );
  if (kind === "bool")
    return new ort.Tensor(
      "bool",
      Uint8Array.from(values, v => Number(v === true)),
      shape,
    );
  if (kind === "float") {
    const numbers = values.map(v => (v === null ? Number.NaN : Number(String(v).replace("inf", "Infinity"))));
    return dtype === "float32"
      ? new ort.Tensor("float32", Float32Array.from(numbers), shape)
      : new ort.Tensor("float64", Float64Array.from(numbers), shape);
  }
  return new ort.Tensor(
    "int64",
    BigInt64Array.from(values, v => BigInt.asIntN(64, BigInt(v ?? 0))),
    shape,
  );
}

function readCells(
  dtype: DType,
  col: LoweredColumn,
  values: ort.Tensor,
  valid: ort.Tensor | undefined,
  lengths: ort.Tensor | undefined,
): Cell[] {
  const data = values.data as unknown as ArrayLike<number | bigint | string>;
  const known = valid?.data as Uint8Array | undefined;
  const item = (i: number): Value => (known && !known[i] ? null : plain(dtype, data[i]!));
  const [count = 0, width = 1] = values.dims;
  if (col.width === undefined && !lengths) return Array.from({ length: count }, (_, i) => item(i));
  const sizes = lengths?.data as BigInt64Array | undefined;
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: sizes ? Number(sizes[row]) : width }, (_, i) => item(row * width + i)),
  );
}

function plain(dtype: DType, value: number | bigint | string): Value {
  if (typeof value === "string") return value;
  if (dtype === "bool") return Boolean(value);
  if (typeof value === "bigint") {
    const exact = dtype === "uint64" ? BigInt.asUintN(64, value) : value;
    return exact < 2n ** 53n && exact > -(2n ** 53n) ? Number(exact) : String(exact);
  }
  if (Number.isNaN(value)) return null;
  return Number.isFinite(value) ? value + 0 : value > 0 ? "inf" : "-inf";
}

/** Integers and texts are the same, floats agree to some last digits: the logarithms of two libraries differ there. */
export function expectCells(actual: Record<string, Cell[]>, wanted: Record<string, Cell[]>, tolerance = 1e-6): void {
  const near = (a: Value, b: Value): boolean =>
    a === b ||
    (typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= tolerance * Math.max(1e-30, Math.abs(b)));
  for (const [name, cells] of Object.entries(wanted)) {
    const seen = actual[name]!;
    const alike = cells.every((cell, i) =>
      Array.isArray(cell)
        ? (seen[i] as Value[]).length === cell.length && cell.every((v, j) => near((seen[i] as Value[])[j]!, v))
        : near(seen[i] as Value, cell as Value),
    );
    if (!alike) expect({ [name]: seen }).toEqual({ [name]: cells });
  }
}
