/** Builds what kernel tests need: columns from plain arrays, steps, and a prepared kernel's answer as plain arrays. */

import type { OpKind, OpParamsInput } from "#contract/op-params.js";
import { OP_PARAMS } from "#contract/op-params.js";
import { specOf } from "#contract/op-state.js";
import type { ColumnRef, FittedStep, Step } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { identity } from "#operators/shared/kernel/identity.js";
import { allocate, type Column, childRows, type Rows, rootRows, type Values } from "#runtime/base/columns/table.js";
import type {
  Inputs,
  Kernel,
  ModelCaller,
  PreparedKernel,
  PrepareStep,
  RunContext,
} from "#runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "#triton-protos/datatype.js";

export type Item = number | bigint | string | boolean | null;

const fill = (dtype: DType, items: readonly Item[]): Values => {
  const values = allocate(dtype, items.length) as { [i: number]: unknown };
  items.forEach((item, i) => {
    if (item === null) return;
    values[i] =
      values instanceof BigInt64Array || values instanceof BigUint64Array
        ? BigInt(item)
        : typeof item === "boolean"
          ? Number(item)
          : item;
  });
  return values as unknown as Values;
};

/** A scalar column; null items get a validity byte, or NaN for floats. */
export function scalars(dtype: DType, items: readonly Item[], rows: Rows = rootRows(items.length)): Column {
  const values = fill(dtype, items);
  if (!items.includes(null)) return { dtype, rows, values };
  if (datatype(dtype).kind === "float") {
    items.forEach((item, i) => {
      if (item === null) (values as Float64Array)[i] = Number.NaN;
    });
    return { dtype, rows, values };
  }
  return { dtype, rows, values, validity: Uint8Array.from(items, item => (item === null ? 0 : 1)) };
}

export function lists(dtype: DType, items: readonly (readonly Item[])[], rows: Rows = rootRows(items.length)): Column {
  return { dtype, rows, values: fill(dtype, items.flat()), offsets: offsetsOf(items) };
}

export const vectors = (
  dtype: DType,
  items: readonly (readonly Item[])[],
  width: number,
  rows: Rows = rootRows(items.length),
): Column => ({
  dtype,
  rows,
  values: fill(dtype, items.flat()),
  width,
});

const offsetsOf = (items: readonly (readonly unknown[])[]): Int32Array => {
  const offsets = new Int32Array(items.length + 1);
  items.forEach((list, i) => {
    offsets[i + 1] = offsets[i]! + list.length;
  });
  return offsets;
};

/** Candidates: one list per parent row, as child rows. */
export function candidates(
  dtype: DType,
  items: readonly (readonly Item[])[],
  parent: Rows = rootRows(items.length),
): Column {
  return { dtype, rows: childRows(parent, offsetsOf(items)), values: fill(dtype, items.flat()) };
}

/** Rows as plain values: scalars, or arrays for lists. Null where the validity says so. */
export function plain(col: Column): unknown[] {
  const item = (i: number) => (col.validity?.[i] === 0 ? null : (col.values[i] as unknown));
  return Array.from({ length: col.rows.count }, (_, row) => {
    if (!col.offsets && col.width === undefined) return item(row);
    if (col.listValidity?.[row] === 0) return null;
    const [start, end] = col.offsets
      ? [col.offsets[row]!, col.offsets[row + 1]!]
      : [row * col.width!, (row + 1) * col.width!];
    return Array.from({ length: end - start }, (_, i) => item(start + i));
  });
}

/** A column on child rows, grouped by parent row. */
export function grouped(col: Column): unknown[][] {
  const { parent, offsets } = col.rows;
  const all = plain(col);
  return Array.from({ length: parent!.count }, (_, row) => all.slice(offsets![row], offsets![row + 1]));
}

export const ref = (name: string): ColumnRef => ({ name, step: "request", column: name });

export interface StepInit<K extends OpKind> {
  readonly params: OpParamsInput[K];
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  readonly outputs: readonly ColumnSchema[];
  readonly artefacts?: Readonly<Record<string, string>>;
  readonly id?: string;
}

export function makeStep<K extends OpKind>(op: K, init: StepInit<K>): Step<K> {
  const params = OP_PARAMS[op].parse(init.params) as Step<K>["params"];
  const inputs = Object.fromEntries(Object.entries(init.inputs).map(([port, names]) => [port, names.map(ref)]));
  return {
    id: init.id ?? "s1",
    op,
    label: init.id ?? "s1",
    params,
    inputs,
    outputs: init.outputs,
    ...(init.artefacts && { artefacts: init.artefacts }),
  } as unknown as Step<K>;
}

export const noModels: ModelCaller = {
  describe: model => Promise.reject(new Error(`no model ${model}`)),
  infer: model => Promise.reject(new Error(`no model ${model}`)),
};

export const context = (seed = 1n, parameters: RunContext["parameters"] = new Map()): RunContext => ({
  seed,
  parameters,
});

/** Only the kernels that a test runs are loaded, so that a test of one needs what this one needs. */
const KERNELS = import.meta.glob<Readonly<Record<string, Kernel<OpKind>>>>("../../operators/*/kernel.ts");
const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);

/** An operator without a kernel of its own passes its columns on (`identity` in its spec). */
export const prepareKernel: PrepareStep = async (step, context) => {
  const load = KERNELS[`../../operators/${kebab(step.op)}/kernel.ts`];
  if (!load && specOf(step.op).identity) return identity.prepare() as PreparedKernel;
  return (await load!())[step.op]!.prepare(step as Step, { ...context, prepareStep: prepareKernel });
};

export async function prepare<K extends OpKind>(
  op: K,
  init: StepInit<K>,
  folder = ".",
  models: ModelCaller = noModels,
) {
  // A step that learns may be without its state: most kernels read the columns alone.
  return prepareKernel(makeStep(op, init) as unknown as FittedStep, { folder, models });
}

export async function run<K extends OpKind>(
  op: K,
  init: StepInit<K>,
  inputs: Inputs,
  runContext = context(),
  folder = ".",
): Promise<readonly Column[]> {
  const kernel = await prepare(op, init, folder);
  try {
    return await kernel.run(inputs, runContext);
  } finally {
    await kernel.close?.();
  }
}

export { column };
