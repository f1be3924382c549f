/**
 * One step and its input columns → its columns, by the kernel, by the graph in onnxruntime-node, and by the graph on a Triton's ONNX
 * Runtime. Candidates are rectangles with a mask of arbitrary positions.
 */
import * as ort from "onnxruntime-node";
import { expect } from "vitest";
import { contextOf, type LowerOptions } from "#compiler/5-emit/onnx/lower-plan.js";
import { lowerStep } from "#compiler/5-emit/onnx/lower-step.js";
import { concat, dim, expand, flat, mul, scalar } from "#compiler/onnx/elementary.js";
import { finishGraph } from "#compiler/onnx/finish-graph.js";
import { type GraphBuilder, graphBuilder, type Value } from "#compiler/onnx/graph-builder.js";
import { TRITON_RELEASES } from "#compiler/onnx/triton-releases.js";
import { type ByName, fittedStep } from "#contract/any-step.js";
import type { OpKind } from "#contract/op-params.js";
import type { AnyStep, ColumnRef, Step } from "#contract/plan.js";
import { prepareKernel } from "#operators/kernels.js";
import { graphDtype, type LoweredColumn, type RowSet } from "#operators/shared/onnx/lowered-column.js";
import { LoweringFault } from "#operators/shared/onnx/lowering.js";
import { type Column, childRows, type Rows, rootRows } from "#runtime/base/columns/table.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { type DType, datatype } from "#triton-protos/datatype.js";
import { context, grouped, type Item, lists, noModels, plain, scalars, vectors } from "../../../operators/step.js";
import type { PythonOnnx } from "./python-onnx.js";

/** A column of users or of their candidates. */
export interface Given {
  readonly dtype: DType;
  readonly list?: "ragged" | number;
  /** A value per user; of candidates a list of values per user. */
  readonly cells: readonly unknown[];
  readonly candidates?: boolean;
}

export type Answered = readonly (readonly unknown[])[] | { readonly fault: true } | { readonly refused: string };

export interface Ways {
  readonly kernel: Answered;
  readonly node: Answered;
  readonly python: Answered;
}

/** @param columns by the name that the step's refs have */
export async function bothWays<K extends OpKind>(
  step: Step<K>,
  columns: Readonly<Record<string, Given>>,
  python: PythonOnnx,
  { folder = ".", models = noModels, ...options }: Partial<LowerOptions> & { folder?: string; models?: ModelCaller },
): Promise<Ways> {
  const kernel = await byKernel(step, columns, folder, models).catch(fault);
  const graph = lowered(step, columns, options);
  if ("refused" in graph) return { kernel, node: graph, python: graph };
  const feeds = feedsOf(columns);
  const session = await ort.InferenceSession.create(graph.onnx, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const node = await session.run(feeds).then(graph.read, fault);
  await session.release();
  const elsewhere = await python.run(graph.onnx, feeds).then(graph.read, (error: Error) => {
    if (/step .*|Gather/.test(error.message)) return fault();
    throw error;
  });
  return { kernel, node, python: elsewhere };
}

const fault = (): Answered => ({ fault: true });

async function byKernel<K extends OpKind>(
  step: Step<K>,
  columns: Readonly<Record<string, Given>>,
  folder: string,
  models: ModelCaller,
): Promise<Answered> {
  const users = usersOf(columns);
  const root = rootRows(users);
  const some = Object.values(columns).find(col => col.candidates);
  const below = some && childRows(root, offsetsOf(some.cells as readonly unknown[][]));
  const made = Object.fromEntries(Object.entries(columns).map(([name, col]) => [name, columnOf(col, root, below)]));
  const kernel = await prepareKernel(fittedStep(step as unknown as AnyStep), { folder, models });
  try {
    const inputs = Object.fromEntries(
      Object.entries(step.inputs as ByName<ColumnRef>).map(([port, refs]) => [
        port,
        refs.map(ref => made[ref.column]!),
      ]),
    );
    const answer = await kernel.run(inputs, context());
    return answer.map(col => (col.rows.parent ? grouped(col) : plain(col)).map(sober));
  } finally {
    await kernel.close?.();
  }
}

function columnOf({ dtype, list, cells, candidates }: Given, root: Rows, below: Rows | undefined): Column {
  const rows = candidates ? below! : root;
  const own = candidates ? (cells as readonly unknown[][]).flat() : cells;
  if (list === undefined) return scalars(dtype, own as Item[], rows);
  const items = (own as Item[][]).flat();
  const { validity, values } = scalars(dtype, items);
  const made = list === "ragged" ? lists(dtype, own as Item[][], rows) : vectors(dtype, own as Item[][], list, rows);
  return { ...made, values, ...(validity && { validity }) };
}

const offsetsOf = (cells: readonly (readonly unknown[])[]): Int32Array =>
  Int32Array.from([0, ...cells.map((_, i) => cells.slice(0, i + 1).flat().length)]);
const usersOf = (columns: Readonly<Record<string, Given>>): number => Object.values(columns)[0]!.cells.length;

/** One place more than the fullest user has, so that some are empty; a user's candidates begin where its number says. */
const widthOf = (columns: Readonly<Record<string, Given>>): number =>
  1 +
  Math.max(0, ...Object.values(columns).flatMap(col => (col.candidates ? col.cells.map(c => (c as []).length) : [])));
const placeOf = (user: number, i: number, count: number, width: number): number =>
  count === width ? i : i < count / 2 ? i : i + (user % (width - count + 1));

interface Graph {
  readonly onnx: Uint8Array;
  read(answer: Readonly<Record<string, ort.Tensor>>): Answered;
}

/** A step's graph alone; {@link feedsOf} makes its inputs. */
export function lowered<K extends OpKind>(
  step: Step<K>,
  columns: Readonly<Record<string, Given>>,
  options: Partial<LowerOptions>,
): Graph | { readonly refused: string } {
  const g = graphBuilder();
  const users = g.input("users", "bool", ["n"]);
  const request: RowSet = { id: "request", count: dim(g, users, 0) };
  const mask = g.input("mask", "bool", ["n", "w"]);
  const width = dim(g, mask, 1);
  const below: RowSet = { id: "candidates", parent: request, width, mask, count: mul(g, request.count, width) };
  const given = new Map(Object.entries(columns).map(([name, col]) => [name, inputOf(g, name, col, request, below)]));
  const none = (): never => {
    throw new Error("not asked for");
  };
  const release = options.release ?? TRITON_RELEASES.at(-1)!;
  const where = { form: "unbatched", ivf: "probe", file: none, feast: none, model: none, note: () => {} } as const;
  const any = fittedStep(step as unknown as AnyStep);
  let made: readonly LoweredColumn[];
  try {
    made = lowerStep(any, ref => given.get(ref.column)!, contextOf(g, any, { release, ...where, ...options }));
  } catch (error) {
    if (error instanceof LoweringFault) return { refused: error.reason };
    throw error;
  }
  const names = step.outputs.map(({ name }) => name);
  made.forEach((col, i) => {
    const list = col.width !== undefined || col.lengths !== undefined;
    const own = list ? [`rows ${i}`, col.width ?? `places ${i}`] : [`rows ${i}`];
    g.output(`out ${i}`, col.values, own);
    if (col.valid) g.output(`valid ${i}`, col.valid, own);
    if (col.lengths) g.output(`lengths ${i}`, col.lengths, [`rows ${i}`]);
    if (col.rows.parent) g.output(`taken ${i}`, col.rows.mask ?? full(g, col.rows), ["n", `width ${i}`]);
  });
  g.output("all taken", concat(g, [flat(g, users), flat(g, mask)]), ["all"]);
  const { onnx } = finishGraph(g, step.id, release);
  return { onnx, read: answer => names.map((_, i) => readColumn(made[i]!, i, answer)) };
}

const full = (g: GraphBuilder, { parent, width }: RowSet): Value =>
  expand(g, scalar(g, "bool", true), concat(g, [parent!.count, width!]));

function inputOf(g: GraphBuilder, name: string, { dtype, list, candidates }: Given, users: RowSet, below: RowSet) {
  const shape = list === undefined ? [`${name} rows`] : [`${name} rows`, list === "ragged" ? `${name} places` : list];
  // Nulls of a type that has no NaN.
  const nullable = datatype(dtype).kind !== "float" && { valid: g.input(`${name} valid`, "bool", shape) };
  const values = g.input(name, graphDtype(dtype), shape);
  const head: LoweredColumn = { dtype, values, rows: candidates ? below : users, ...nullable };
  if (list === "ragged") return { ...head, lengths: g.input(`${name} lengths`, "int64", [`${name} rows`]) };
  return list === undefined ? head : { ...head, width: list };
}

export function feedsOf(columns: Readonly<Record<string, Given>>): Record<string, ort.Tensor> {
  const users = usersOf(columns);
  const width = widthOf(columns);
  const some = Object.values(columns).find(col => col.candidates);
  const mask = new Uint8Array(users * width);
  const counts = Array.from({ length: users }, (_, u) => (some ? (some.cells[u] as []).length : 0));
  counts.forEach((count, u) => {
    for (let i = 0; i < count; i++) mask[u * width + placeOf(u, i, count, width)] = 1;
  });
  const fed: Record<string, ort.Tensor> = {
    users: new ort.Tensor("bool", new Uint8Array(users), [users]),
    mask: new ort.Tensor("bool", mask, [users, width]),
  };
  for (const [name, col] of Object.entries(columns)) {
    const rows: unknown[] = col.candidates ? new Array(users * width).fill(null) : [...col.cells];
    if (col.candidates)
      (col.cells as unknown[][]).forEach((own, u) => {
        own.forEach((cell, i) => {
          rows[u * width + placeOf(u, i, own.length, width)] = cell;
        });
      });
    Object.assign(fed, columnFeeds(name, col, rows));
  }
  return fed;
}

function columnFeeds(name: string, { dtype, list }: Given, rows: readonly unknown[]): Record<string, ort.Tensor> {
  const own = rows.map(row => (list === undefined ? [row] : ((row ?? []) as unknown[])));
  const wide = list === "ragged" ? Math.max(1, ...own.map(row => row.length)) : (list ?? 1);
  const cells = own.flatMap(row => Array.from({ length: wide }, (_, i) => row[i] ?? null));
  const shape = list === undefined ? [rows.length] : [rows.length, wide];
  const fed: Record<string, ort.Tensor> = { [name]: tensorOf(dtype, cells, shape) };
  if (datatype(dtype).kind !== "float")
    fed[`${name} valid`] = new ort.Tensor(
      "bool",
      Uint8Array.from(cells, cell => Number(cell !== null)),
      shape,
    );
  if (list === "ragged")
    fed[`${name} lengths`] = new ort.Tensor(
      "int64",
      BigInt64Array.from(own, row => BigInt(row.length)),
      [rows.length],
    );
  return fed;
}

function tensorOf(dtype: DType, cells: readonly unknown[], shape: readonly number[]): ort.Tensor {
  const { kind } = datatype(dtype);
  if (kind === "string")
    return new ort.Tensor(
      "string",
      cells.map(cell => (cell as string) ?? ""),
      shape,
    );
  if (kind === "bool")
    return new ort.Tensor(
      "bool",
      Uint8Array.from(cells, cell => Number(cell ?? false)),
      shape,
    );
  if (kind === "float") {
    const numbers = cells.map(cell => (cell === null ? Number.NaN : Number(cell)));
    return dtype === "float32"
      ? new ort.Tensor("float32", Float32Array.from(numbers), shape)
      : new ort.Tensor("float64", Float64Array.from(numbers), shape);
  }
  const bits = (cell: unknown) => BigInt.asIntN(64, BigInt((cell as number | bigint | null) ?? 0));
  return new ort.Tensor("int64", BigInt64Array.from(cells, bits), shape);
}

function readColumn(col: LoweredColumn, i: number, answer: Readonly<Record<string, ort.Tensor>>): unknown[] {
  const { data, dims } = answer[`out ${i}`]!;
  const valid = answer[`valid ${i}`]?.data as Uint8Array | undefined;
  const lengths = answer[`lengths ${i}`]?.data as BigInt64Array | undefined;
  const wide = dims[1] ?? 1;
  const item = (at: number) => (valid && !valid[at] ? null : outward(col.dtype, (data as unknown as unknown[])[at]));
  const list = col.width !== undefined || lengths !== undefined;
  const rows = Array.from({ length: dims[0]! }, (_, row) =>
    list ? Array.from({ length: lengths ? Number(lengths[row]) : wide }, (_, j) => item(row * wide + j)) : item(row),
  );
  const taken = answer[`taken ${i}`];
  if (!taken) return rows.map(sober);
  const [users = 0, width = 0] = taken.dims;
  return Array.from({ length: users }, (_, u) =>
    rows.slice(u * width, (u + 1) * width).filter((_, place) => (taken.data as Uint8Array)[u * width + place]),
  ).map(sober);
}

function outward(dtype: DType, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const exact = dtype === "uint64" ? BigInt.asUintN(64, value) : value;
  return datatype(dtype).bytes === 8 ? exact : Number(exact);
}

/** NaN is null; −0 is 0. */
function sober(cell: unknown): unknown {
  if (Array.isArray(cell)) return cell.map(sober);
  if (typeof cell !== "number") return cell;
  return Number.isNaN(cell) ? null : cell + 0;
}

/** The graph's answers are the kernel's; floats agree to what two libraries agree in. */
export function expectSame({ kernel, node, python }: Ways, what: string): void {
  for (const answer of [node, python]) if (!near(answer, kernel)) expect([what, answer]).toEqual([what, kernel]);
}

function near(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => near(x, b[i]));
  if (typeof a !== "number" || typeof b !== "number") return a === b || isFault(a, b);
  return a === b || Math.abs(a - b) <= 1e-6 + 1e-5 * Math.abs(b);
}

const isFault = (a: unknown, b: unknown): boolean =>
  [a, b].every(x => typeof x === "object" && x !== null && "fault" in x);
