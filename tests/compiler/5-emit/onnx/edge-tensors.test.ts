/** A column that one model of an ensemble writes is the same column in the model that reads it: nulls, lists, free positions. */
import * as ort from "onnxruntime-node";
import { expect, test } from "vitest";
import { writeColumn, writeRows } from "#compiler/5-emit/onnx/edge-tensors.js";
import { requestTensors } from "#compiler/5-emit/onnx/request-columns.js";
import { stageGraph } from "#compiler/5-emit/onnx/stage-graph.js";
import { dim, flat, mul } from "#compiler/onnx/elementary.js";
import { finishGraph } from "#compiler/onnx/finish-graph.js";
import { type GraphBuilder, graphBuilder } from "#compiler/onnx/graph-builder.js";
import { TRITON_RELEASES } from "#compiler/onnx/triton-releases.js";
import { column } from "#contract/schema.js";
import { graphDtype, type LoweredColumn, type RowSet } from "#operators/shared/onnx/lowered-column.js";
import type { DType } from "#triton-protos/datatype.js";

const RELEASE = TRITON_RELEASES.at(-1)!;
const WIDTH = 3;

type Cell = string | bigint | boolean | number;
interface Kind {
  readonly dtype: DType;
  readonly shape: "scalar" | "vector" | "ragged";
  readonly nulls: boolean;
  readonly candidates: boolean;
  readonly matrix: boolean;
}

const tensorOf = (dtype: DType, cells: readonly Cell[], dims: readonly number[]): ort.Tensor => {
  if (dtype === "string") return new ort.Tensor("string", cells as string[], dims);
  if (dtype === "bool") return new ort.Tensor("bool", Uint8Array.from(cells, Number), dims);
  if (dtype === "float32") return new ort.Tensor("float32", Float32Array.from(cells as number[]), dims);
  return new ort.Tensor("int64", BigInt64Array.from(cells as bigint[]), dims);
};

/** The request's rows, and two places for each of them. */
function rowsOf(g: GraphBuilder): { readonly request: RowSet; readonly candidates: RowSet } {
  const mask = g.input("mask", "bool", ["n", "places"]);
  const request: RowSet = { id: "request", count: dim(g, mask, 0) };
  const width = dim(g, mask, 1);
  return { request, candidates: { id: "k", parent: request, width, mask, count: mul(g, request.count, width) } };
}

function models({ dtype, shape, nulls, candidates, matrix }: Kind): [Uint8Array, Uint8Array] {
  const writer = graphBuilder();
  const to = stageGraph(writer, new Map(), "unbatched");
  const sets = rowsOf(writer);
  const dims = shape === "scalar" ? ["m"] : ["m", WIDTH];
  const col: LoweredColumn = {
    dtype,
    rows: candidates ? sets.candidates : sets.request,
    values: writer.input("values", graphDtype(dtype), dims),
    ...(nulls && { valid: writer.input("valid", "bool", dims) }),
    ...(shape === "ragged" && { lengths: writer.input("lengths", "int64", ["m"]) }),
    ...(shape === "vector" && { width: WIDTH }),
  };
  const edge = writeColumn(to, col, { name: "s.c", matrix });
  const places = writeRows(to, sets.candidates, "k#mask");

  const reader = graphBuilder();
  const from = stageGraph(reader, new Map([["k", places]]), "unbatched");
  const read = from.column(edge);
  expect([read.dtype, read.rows.id, read.width]).toEqual([dtype, col.rows.id, col.width]);
  const seen = shape === "scalar" ? ["m"] : ["m", "w"];
  reader.output("values", read.values, seen);
  if (read.valid) reader.output("valid", read.valid, seen);
  if (read.lengths) reader.output("lengths", read.lengths, ["m"]);
  if (candidates) reader.output("taken", flat(reader, read.rows.mask!), ["t"]);
  reader.output("count", read.rows.count, ["one"]);
  return [finishGraph(writer, "writer", RELEASE).onnx, finishGraph(reader, "reader", RELEASE).onnx];
}

test.each([
  ["begins later", [1, 2, 2]],
  ["falls", [0, 2, 1]],
  ["ends before the values do", [0, 1, 1]],
  ["is longer than all values", [0, 2, 2_147_483_647]],
  ["is negative", [0, -2_147_483_648, 2]],
])("a list that %s ends the request before anything is as long as it says", async (_, offsets) => {
  const kinds = { dtype: "int64", shape: "ragged", nulls: false, candidates: false, matrix: false } as const;
  const [, reader] = models(kinds);
  const edge = await ort.InferenceSession.create(reader);
  const request = graphBuilder();
  const read = requestTensors(request, column("c", "int64", { list: { min: 0, max: null } }), "unbatched");
  request.output("values", read.column({ id: "request", count: read.count }).values, ["m", "w"]);
  const entry = await ort.InferenceSession.create(finishGraph(request, "entry", RELEASE).onnx);
  for (const [session, name] of [
    [edge, "s.c"],
    [entry, "c"],
  ] as const) {
    const ask = (given: readonly number[]) =>
      session.run({
        [`${name}__values`]: tensorOf("int64", [5n, 6n], [2]),
        [`${name}__offsets`]: new ort.Tensor("int32", Int32Array.from(given), [given.length]),
      });
    expect((await ask([0, 0, 2])).values!.dims).toEqual([2, 2]);
    await expect(ask(offsets)).rejects.toThrow(`lists of ${name}: offsets start at 0, never fall`);
  }
});
