/**
 * The classification extension: an output tensor → the best `classes` of each row as `value:index[:label]` texts.
 */
import { type WireType, wireDatatype } from "../../triton-protos/datatype.js";
import { packStrings } from "../backends/strings.js";
import { RuntimeFault } from "../errors.js";
import { elementCount, type Tensor } from "../tensor.js";

export interface ClassifyOptions {
  readonly classes: number;
  /** The first dimension is the batch. */
  readonly batching: boolean;
  readonly labels: readonly string[];
}

/** @throws RuntimeFault for a datatype without an order */
export function classify(tensor: Tensor, { classes, batching, labels }: ClassifyOptions): Tensor {
  const values = readNumbers(tensor);
  const rows = batching ? tensor.shape[0]! : 1;
  const elements = elementCount(batching ? tensor.shape.slice(1) : tensor.shape);
  const count = Math.min(classes, elements);
  const float = tensor.datatype.startsWith("FP");
  const texts: Buffer[] = [];
  for (let row = 0; row < rows; row++) {
    const isShort = elements <= FEW || count > MOST_CHOSEN;
    const best = isShort ? order(values, row * elements, elements) : largest(values, row * elements, elements, count);
    for (const index of best.slice(0, count)) {
      const value = values[row * elements + index]!;
      const label = labels[index] === undefined ? "" : `:${labels[index]}`;
      texts.push(Buffer.from(`${float ? printFixed(value as number) : value}:${index}${label}`));
    }
  }
  return { ...tensor, datatype: "BYTES", shape: batching ? [rows, count] : [count], data: packStrings(texts) };
}

const ORDERED: readonly WireType[] = [
  ...(["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"] as const),
];

function readNumbers({ datatype, data }: Tensor): ArrayLike<number | bigint> {
  const row = wireDatatype(datatype)!;
  if (!ORDERED.includes(datatype) || !row.array)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `class result not available for output due to unsupported type '${datatype}'`,
    );
  return new row.array(Uint8Array.from(data).buffer);
}

/** So many elements are sorted by insertion. */
const FEW = 16;
/** Where no more classes are wanted, only the best are put in order. */
const MOST_CHOSEN = 256;

/** The first indices of `order`, for numbers without NaN; all in order where there is one. */
function largest(values: ArrayLike<number | bigint>, start: number, elements: number, count: number): number[] {
  const best: number[] = [];
  for (let index = 0; index < elements; index++) {
    const value = values[start + index]!;
    if (Number.isNaN(value)) return order(values, start, elements);
    if (best.length === count && value <= values[start + best[count - 1]!]!) continue;
    // Behind equal ones: they keep their order.
    let from = 0;
    let to = best.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (values[start + best[middle]!]! >= value) from = middle + 1;
      else to = middle;
    }
    best.splice(from, 0, index);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Indices by falling value; equal ones, and NaN, stay where they are, as in the insertion sort that C++ uses for short rows. */
function order(values: ArrayLike<number | bigint>, start: number, elements: number): number[] {
  const indices = Array.from({ length: elements }, (_, i) => i);
  const at = (index: number): number | bigint => values[start + index]!;
  if (elements > FEW) return indices.sort((a, b) => (at(a) > at(b) ? -1 : at(a) < at(b) ? 1 : 0));
  for (let i = 1; i < elements; i++) {
    const index = indices[i]!;
    let to = i;
    // C++ compares with the first element before it walks, which matters beside NaN.
    if (at(index) > at(indices[0]!)) to = 0;
    else while (to > 0 && at(index) > at(indices[to - 1]!)) to--;
    indices.splice(to, 0, indices.splice(i, 1)[0]!);
  }
  return indices;
}

/** As `std::to_string` prints a double: six decimals, every digit before them. */
function printFixed(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Math.abs(value) < 1e21 ? (Object.is(value, -0) ? "-0.000000" : value.toFixed(6)) : `${BigInt(value)}.000000`;
}
