/**
 * Program → the models of `--target triton`: a graph per step and your own models, with device, size and estimated cost; or the steps that
 * prevent it.
 */

import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { REQUEST_ROWS } from "../../contract/schema.js";
import { readSafeInt, readSpan, spanBytes } from "../../formats/bytes/wire.js";
import { lowered, type Program } from "../5-emit/build.js";
import type { FrozenView } from "../5-emit/onnx/frozen-views.js";
import { loweringDiagnostics } from "../5-emit/onnx/lowering-diagnostics.js";
import { NotLoweredError } from "../5-emit/onnx/not-lowered.js";
import type { TritonOptions } from "../5-emit/onnx/triton-models.js";
import type { RepositoryModel } from "../5-emit/repository-model.js";
import type { Compiled } from "../compile.js";
import { eachField, readModelParts } from "../onnx/read-model.js";

export interface LoweredModel {
  readonly name: string;
  /** `ensemble` or `onnxruntime`. */
  readonly backend: string;
  /** `cpu`, `gpu`, `auto`. */
  readonly place: string;
  readonly nodes: number;
  readonly bytes: number;
  /** Microseconds of one core for one user: an estimate from nodes, and from weights times candidates. */
  readonly cost: number;
}

export interface Refusal {
  readonly reason: string;
  readonly way: string;
  /** The file of the author's operator. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface LoweredExplanation {
  readonly format: "merlon/lowered";
  readonly version: 1;
  readonly name: string;
  readonly models: readonly LoweredModel[];
  readonly frozen: readonly FrozenView[];
  readonly notes: readonly string[];
  /** Steps without a lowering; there are then no models. */
  readonly refused: readonly Refusal[];
}

/** A node's own time, and multiply-adds of a microsecond: of one core of a server, by order of magnitude. */
const [MICROS_A_NODE, PRODUCTS_A_MICRO] = [1.5, 5000];

export function explainLowered(program: Compiled, triton: TritonOptions): LoweredExplanation {
  const head = { format: "merlon/lowered", version: 1, name: program.plan.name } as const;
  try {
    const { models, frozen, notes } = lowered(program, {}, triton);
    const rows = rowsOf(program);
    return { ...head, models: models.map(model => explainModel(model, rows(model.name))), frozen, notes, refused: [] };
  } catch (error) {
    if (!(error instanceof NotLoweredError)) throw error;
    const refused = loweringDiagnostics(program, error).map(
      ({ message, help, site, line, column }): Refusal => ({
        reason: message,
        way: help,
        file: basename(site.file),
        line,
        column,
      }),
    );
    return { ...head, models: [], frozen: [], notes: [], refused };
  }
}

/** Rows that a model sees for one user: candidates where it scores them, as many as the plan's longest list. */
function rowsOf({ plan }: Program): (model: string) => number {
  const most = plan.steps.reduce((n, step) => ("topk" in step.params ? Math.max(n, step.params.topk ?? 1) : n), 1);
  const scoring = plan.steps.flatMap(step =>
    "model" in step.params && step.outputs.some(col => col.rows !== REQUEST_ROWS) ? [step.params.model] : [],
  );
  return model => (scoring.includes(model) ? most : 1);
}

function explainModel({ name, config, files }: RepositoryModel, rows: number): LoweredModel {
  const graph = files.find(file => file.to === "model.onnx");
  const bytes = files.reduce((sum, file) => sum + sizeOf(file), 0);
  const shape =
    graph &&
    readGraphSize("bytes" in graph ? graph.bytes : "from" in graph ? readFileSync(graph.from) : new Uint8Array());
  const kind = config.instance_group?.[0]?.kind ?? "KIND_AUTO";
  return {
    name,
    backend: config.platform ?? config.backend ?? "",
    place: config.platform === "ensemble" ? "" : String(kind).replace("KIND_", "").toLowerCase(),
    nodes: shape?.nodes ?? 0,
    bytes,
    cost: shape ? Math.round(shape.nodes * MICROS_A_NODE + (shape.products * rows) / PRODUCTS_A_MICRO) : 0,
  };
}

const sizeOf = (file: RepositoryModel["files"][number]): number => {
  if ("bytes" in file) return file.bytes.length;
  if ("text" in file) return file.text.length;
  return statSync("store" in file ? file.store : file.from).size;
};

export function printLowered({ name, models, frozen, notes, refused }: LoweredExplanation): string {
  if (refused.length > 0)
    return `${name} stays in Merlon's runtime: a stock Triton can't run\n${refused.map(({ reason, way, file, line, column }) => `  ${file}:${line}:${column}: ${reason}\n    ${way}`).join("\n")}\n`;
  const rows = [
    ["model", "backend", "runs on", "nodes", "size", "≈ µs a user"],
    ...models.map(m => [
      m.name,
      m.backend,
      m.place,
      m.nodes ? String(m.nodes) : "",
      size(m.bytes),
      m.cost ? String(m.cost) : "",
    ]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)));
  const table = rows.map(row =>
    `  ${row.map((cell, i) => (i > 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join("  ")}`.trimEnd(),
  );
  const views = frozen.map(
    v =>
      `  ${v.step}: view ${v.view}, ${v.entities} entities, ${v.features} features, ${size(v.bytes)}, taken ${v.taken}${v.expires ? `, expires ${v.expires}` : ""}`,
  );
  return [
    `${name} on a stock Triton`,
    ...table,
    ...(views.length > 0 ? ["", "Frozen features (build again to refresh them)", ...views] : []),
    ...(notes.length > 0 ? ["", ...notes.map(note => `note: ${note}`)] : []),
    "",
  ].join("\n");
}

const size = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

interface GraphSize {
  readonly nodes: number;
  /** Multiply-adds for one row. */
  readonly products: number;
}

/** An ONNX file → how many nodes it has, and how many products its matrices make for one row. */
function readGraphSize(bytes: Uint8Array): GraphSize {
  const { nodes, constants } = readModelParts(bytes);
  const sizes = new Map(constants.map(({ name, bytes: tensor }) => [name, elements(tensor)]));
  let products = 0;
  for (const { op, inputs } of nodes)
    if (op === "Gemm" || op === "MatMul")
      products += Math.max(0, ...inputs.slice(0, 2).map(name => sizes.get(name) ?? 0));
  return { nodes: nodes.length, products };
}

/** TensorProto: dims 1, packed or not. */
function elements(tensor: Uint8Array): number {
  let count = 1;
  eachField(tensor, (number, at, start) => {
    if (number !== 1) return false;
    const packed = (tensor[start]! & 7) === 2;
    if (!packed) count *= readSafeInt(at);
    else
      eachPacked(spanBytes(readSpan(at)), n => {
        count *= n;
      });
    return true;
  });
  return count;
}

function eachPacked(bytes: Uint8Array, visit: (n: number) => void): void {
  let [value, shift] = [0, 0];
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte >= 0x80) continue;
    visit(value);
    [value, shift] = [0, 0];
  }
}
