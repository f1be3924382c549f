/**
 * Ragged columns: lists of different lengths ↔ the pair of tensors `c__values` and `c__offsets` that Merlon's and Merlin's models carry them in.
 */
import type { WireType } from "../../triton-protos/datatype.js";
import { ProtocolError, wrong } from "./client-error.js";
import type { DataOf } from "./data-of.js";
import type { RawTensor } from "./model-types.js";
import { readInput } from "./read-input.js";
import type { Tensor } from "./tensor.js";

type Pair<N extends string, V> = { readonly [K in `${N}__values` | `${N}__offsets`]: V };

/**
 * Lists → the pair. Spread it into a request's inputs.
 * @example await client.infer("m", { ...ragged("bought", "INT64", [[1, 2], [], [7]]) });
 */
export function ragged<const N extends string>(
  name: N,
  datatype: WireType,
  lists: readonly ArrayLike<unknown>[],
): Pair<N, RawTensor> {
  const offsets = new Int32Array(lists.length + 1);
  let total = 0;
  lists.forEach((list, i) => {
    if (typeof list?.length !== "number")
      throw wrong(`\`${name}\`: row ${i} is ${list}, and rows of a ragged column are lists`);
    total += list.length;
    offsets[i + 1] = total;
  });
  const data = lists.flatMap(list => Array.from(list));
  const { data: raw } = readInput(`${name}__values`, { datatype, shape: [total], data }, undefined);
  return {
    [`${name}__values`]: { datatype, shape: [total], raw },
    [`${name}__offsets`]: { datatype: "INT32", shape: [offsets.length], raw: new Uint8Array(offsets.buffer) },
  } as unknown as Pair<N, RawTensor>;
}

/**
 * The pair → lists, as views of the values.
 * @example const bought = lists(outputs, "bought");
 */
export function lists<N extends string, D extends WireType>(
  outputs: { readonly [K in `${N}__values`]: Tensor<D> } & { readonly [K in `${N}__offsets`]: Tensor },
  name: N,
): DataOf[D][] {
  const found = outputs as unknown as Readonly<Record<string, Tensor<D> | undefined>>;
  const [values, offsets] = [found[`${name}__values`], found[`${name}__offsets`]];
  if (!values || !offsets)
    throw new ProtocolError(
      "INTERNAL",
      `there are no outputs \`${name}__values\` and \`${name}__offsets\`: there are ${Object.keys(outputs).join(", ")}`,
    );
  const ends = Array.from(offsets.data as ArrayLike<number | bigint>, Number);
  const data = values.data as unknown as {
    length: number;
    slice(a: number, b: number): unknown;
    subarray?(a: number, b: number): unknown;
  };
  if (ends.some((end, i) => end < (ends[i - 1] ?? 0) || end > data.length))
    throw new ProtocolError(
      "INTERNAL",
      `\`${name}__offsets\` does not rise from 0 to the ${data.length} values of \`${name}__values\``,
    );
  return ends
    .slice(1)
    .map((end, i) => (data.subarray ? data.subarray(ends[i]!, end) : data.slice(ends[i]!, end)) as DataOf[D]);
}
