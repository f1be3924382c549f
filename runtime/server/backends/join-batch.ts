/**
 * Requests of one execution → one request with their rows one below the other, and its answer → theirs.
 */

import { configDatatype } from "../../../triton-protos/datatype.js";
import type { BatchInput, ModelConfig } from "../../../triton-protos/gen/messages.js";
import { internal } from "../../base/errors.js";
import { elementCount, type Tensor } from "../../base/tensor.js";
import type { BackendRequest } from "../contract.js";

/** The tensors of the joined request. Ragged inputs lose their shape: all their elements form one row. */
export function joinInputs(requests: readonly BackendRequest[], config: ModelConfig): ReadonlyMap<string, Tensor> {
  const joined = new Map<string, Tensor>();
  const first = requests[0]!;
  for (const [name, tensor] of first.inputs) {
    const parts = requests.map(request => request.inputs.get(name)!);
    const ragged = config.input.find(input => input.name === name)?.allow_ragged_batch === true;
    joined.set(name, {
      name,
      datatype: tensor.datatype,
      shape: ragged
        ? [parts.reduce((sum, part) => sum + elementCount(part.shape), 0)]
        : [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...tensor.shape.slice(1)],
      data: parts.length === 1 ? tensor.data : concat(parts.map(part => part.data)),
    });
  }
  for (const extra of config.batch_input)
    for (const tensor of batchInputs(extra, requests)) joined.set(tensor.name, tensor);
  return joined;
}

/** Rows `from` to `to` of a tensor whose first dimension counts rows. @throws RuntimeFault when it has other rows */
export function sliceRows(tensor: Tensor, from: number, to: number, rows: number): Tensor {
  if (from === 0 && to === rows) return tensor;
  if (tensor.shape[0] !== rows)
    throw internal(
      `output '${tensor.name}' has the shape [${tensor.shape}] for a batch of ${rows}; the first dimension must be the batch`,
    );
  const shape = [to - from, ...tensor.shape.slice(1)];
  if (tensor.datatype !== "BYTES") {
    const bytes = tensor.data.byteLength / rows;
    return { ...tensor, shape, data: tensor.data.subarray(from * bytes, to * bytes) };
  }
  const perRow = elementCount(shape.slice(1));
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  let at = 0;
  const skip = (elements: number): number => {
    for (let i = 0; i < elements; i++) at += 4 + view.getUint32(at, true);
    return at;
  };
  const start = skip(from * perRow);
  return { ...tensor, shape, data: tensor.data.subarray(start, skip((to - from) * perRow)) };
}

/** Whether even a single request must be joined: the graph gets other inputs than the request has, or its outputs are cut. */
export const needsJoining = ({ input, batch_input, batch_output }: ModelConfig): boolean =>
  batch_input.length > 0 || batch_output.length > 0 || input.some(({ allow_ragged_batch }) => allow_ragged_batch);

/**
 * An output of `batch_output` (BATCH_SCATTER_WITH_INPUT_SHAPE) → its piece for one request.
 * @param dims of the output in the configuration; a dimension that varies is that of the request's input in the same place
 * @throws RuntimeFault when the elements do not add up
 */
export function scatter(
  tensor: Tensor,
  requests: readonly BackendRequest[],
  index: number,
  source: string,
  dims: readonly number[],
): Tensor {
  const shapes = requests.map(request => {
    const own = request.inputs.get(source)?.shape ?? [];
    return [-1, ...dims].map((dim, i) => (dim === -1 ? (own[i] ?? 0) : dim));
  });
  const counts = shapes.map(elementCount);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const flat: Tensor = { ...tensor, shape: [elementCount(tensor.shape)] };
  if (flat.shape[0] !== total)
    throw internal(
      `output '${tensor.name}' has ${flat.shape[0]} elements, and the shapes of '${source}' in the batch call for ${total}`,
    );
  const from = counts.slice(0, index).reduce((sum, count) => sum + count, 0);
  return { ...sliceRows(flat, from, from + counts[index]!, total), shape: shapes[index]! };
}

/** Triton's side inputs of a ragged batch: how many elements each request brought, and where they start. */
function batchInputs(extra: BatchInput, requests: readonly BackendRequest[]): Tensor[] {
  const source = extra.source_input[0]!;
  const tensors = requests.map(request => request.inputs.get(source));
  const counts = tensors.map(tensor => (tensor ? elementCount(tensor.shape) : 0));
  let sum = 0;
  const sums = counts.map(count => {
    sum += count;
    return sum;
  });
  const values = ((): { readonly list: readonly number[]; readonly shape: readonly number[] } => {
    switch (extra.kind) {
      case "BATCH_ELEMENT_COUNT":
        return { list: counts, shape: [counts.length] };
      case "BATCH_ACCUMULATED_ELEMENT_COUNT":
        return { list: sums, shape: [sums.length] };
      case "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO":
        return { list: [0, ...sums], shape: [sums.length + 1] };
      case "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE":
        return { list: [], shape: [Math.max(...counts)] };
      case "BATCH_ITEM_SHAPE": {
        const rows = tensors.flatMap(tensor =>
          Array.from({ length: tensor?.shape[0] ?? 0 }, () => tensor!.shape.slice(1)),
        );
        return { list: rows.flat(), shape: [rows.length, rows[0]?.length ?? 0] };
      }
      case "BATCH_ITEM_SHAPE_FLATTEN": {
        const list = tensors.flatMap(tensor =>
          Array.from({ length: tensor?.shape[0] ?? 0 }, () => tensor!.shape.slice(1)).flat(),
        );
        return { list, shape: [list.length] };
      }
    }
  })();
  const row = configDatatype(extra.data_type)!;
  const array = extra.data_type === "TYPE_FP32" ? Float32Array.from(values.list) : Int32Array.from(values.list);
  const data =
    values.list.length > 0 ? new Uint8Array(array.buffer) : new Uint8Array(elementCount(values.shape) * row.bytes);
  return extra.target_name.map(name => ({ name, datatype: row.wire, shape: values.shape, data }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}
