/**
 * The classification extension: an output tensor → the best `classes` of each row as `value:index[:label]` texts.
 */
import { type WireType, wireDatatype } from "../../../triton-protos/datatype.js";
import { invalid } from "../../base/errors.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import type { Sliced } from "../../base/slices.js";
import { elementCount, type Tensor } from "../../base/tensor.js";
import { ClassTexts, keepShapes } from "./class-texts.js";
import { byFallingValue, type Numbers } from "./falling-order.js";

export interface ClassifyOptions {
  readonly classes: number;
  /** The first dimension is the batch. */
  readonly batching: boolean;
  readonly labels: readonly string[];
  /** The account of the request. */
  readonly charge?: Charge | undefined;
}

/** Texts that are printed between two pauses. */
const PRINTED = 2 ** 11;

/** Elements of a row that Triton sorts. */
const MOST_ELEMENTS = 1_000_000;

/** @throws RuntimeFault for a datatype without an order, for rows that are too long, and where the server's memory is used up */
export function* classify(tensor: Tensor, { classes, batching, labels, charge }: ClassifyOptions): Sliced<Tensor> {
  const rows = batching ? tensor.shape[0]! : 1;
  const elements = elementCount(batching ? tensor.shape.slice(1) : tensor.shape);
  if (elements > MOST_ELEMENTS && tensor.datatype !== "BYTES") throw invalid("classification output tensor too large");
  const values = readNumbers(tensor, charge);
  const count = Math.min(classes, elements);
  keepShapes();
  const texts = new ClassTexts({ values, labels, charge, count: rows * count });
  for (let row = 0; row < rows; row++) {
    const start = row * elements;
    const best = yield* byFallingValue(values.subarray(start, start + elements) as Numbers, count, charge);
    for (let from = 0; from < count; from += PRINTED) {
      texts.add(start, best, from, Math.min(count, from + PRINTED));
      yield;
    }
  }
  return { ...tensor, datatype: "BYTES", shape: batching ? [rows, count] : [count], data: texts.bytes };
}

const ORDERED: readonly WireType[] = [
  ...(["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"] as const),
];

function readNumbers({ datatype, data }: Tensor, charge: Charge | undefined): Numbers {
  const row = wireDatatype(datatype)!;
  if (!ORDERED.includes(datatype) || !row.array)
    throw invalid(`class result not available for output due to unsupported type '${datatype}'`);
  const { BYTES_PER_ELEMENT: size } = row.array;
  const isAligned = data.byteOffset % size === 0;
  if (!isAligned) charge?.add(data.byteLength);
  const aligned = isAligned ? data : new Uint8Array(data);
  return new row.array(aligned.buffer as ArrayBuffer, aligned.byteOffset, data.byteLength / size) as Numbers;
}
