/**
 * Memory for large outputs, on the worker's side: reused buffers, or the memory of the request's inputs if the model returns a part of it.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { createBufferPool, LARGE } from "../../../base/memory/buffer-pool.js";
import type { Tensor } from "../../../base/tensor.js";

export interface PooledOutputs {
  readonly tensors: readonly Tensor[];
  /** Made here, and moved with the answer. */
  readonly buffers?: readonly ArrayBuffer[];
}

/** @param tensors views of the model's data @param lent memory that is returned with this response */
export type OutputPool = (tensors: readonly Tensor[], lent: readonly ArrayBuffer[]) => PooledOutputs;

/** @param spares receives returned buffers */
export function createOutputPool(spares: MessagePort): OutputPool {
  const pool = createBufferPool();
  const take = (bytes: number): ArrayBuffer => {
    for (let spare = receiveMessageOnPort(spares); spare; spare = receiveMessageOnPort(spares))
      pool.give(spare.message as ArrayBuffer);
    return pool.take(bytes);
  };
  return (tensors, lent) => {
    if (tensors.every(({ data }) => data.byteLength < LARGE)) return { tensors };
    const buffers: ArrayBuffer[] = [];
    const carried = tensors.map(tensor => {
      const { data } = tensor;
      if (data.byteLength < LARGE || lent.includes(data.buffer as ArrayBuffer)) return tensor;
      const copy = new Uint8Array(take(data.byteLength), 0, data.byteLength);
      copy.set(data);
      buffers.push(copy.buffer);
      return { ...tensor, data: copy };
    });
    return buffers.length > 0 ? { tensors: carried, buffers } : { tensors: carried };
  };
}
