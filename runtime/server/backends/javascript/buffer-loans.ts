/**
 * Memory of large tensors that is lent to a model's thread: the request's own if it can be moved, otherwise a copy. It returns with the answer.
 */
import { bufferPool, LARGE } from "../../../base/memory/buffer-pool.js";
import type { Home } from "../../../base/memory/request-memory.js";
import type { Tensor } from "../../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../../contract.js";

/** The loan of a request: its tensors as they are sent, the transferred buffers, and their owners. */
export interface Loan {
  readonly tensors: readonly Tensor[];
  readonly buffers: readonly ArrayBuffer[];
  readonly homes: readonly Home[];
  /** Some are the request's own memory, which is not here meanwhile. */
  readonly moved: boolean;
}

/** Whether memory of these requests itself would go, and not a copy. */
export const movesMemory = (requests: readonly BackendRequest[]): boolean =>
  requests.some(({ memory, inputs }) => {
    if (!memory) return false;
    for (const { data } of inputs.values()) if (data.byteLength >= LARGE && memory.moves(data.buffer)) return true;
    return false;
  });

/** @returns undefined for a request without large tensors */
export function lend({ memory, inputs }: BackendRequest): Loan | undefined {
  const all = [...inputs.values()];
  if (all.every(({ data }) => data.byteLength < LARGE)) return undefined;
  const homes = new Map<ArrayBuffer, Home>();
  let moved = false;
  const tensors = all.map(tensor => {
    const { data } = tensor;
    const buffer = data.buffer as ArrayBuffer;
    if (homes.has(buffer)) return tensor;
    if (memory?.moves(buffer)) {
      homes.set(buffer, memory.moved(buffer));
      moved = true;
      return tensor;
    }
    if (data.byteLength < LARGE) return tensor;
    const copy = new Uint8Array(bufferPool.take(data.byteLength), 0, data.byteLength);
    copy.set(data);
    homes.set(copy.buffer, bufferPool);
    bufferPool.leave(copy.buffer);
    return { ...tensor, data: copy };
  });
  return { tensors, buffers: [...homes.keys()], homes: [...homes.values()], moved };
}

/** Takes back what was lent. @param answer whose tensors may lie in it */
export function takeBack(
  { memory }: BackendRequest,
  buffers: readonly ArrayBuffer[],
  homes: readonly Home[],
  answer?: BackendResponse,
): void {
  for (const [i, buffer] of buffers.entries()) {
    const home = homes[i]!;
    if (memory) memory.adopt(buffer, home);
    // The owner of the response has its memory.
    else if (!answer?.outputs.some(({ data }) => data.buffer === buffer)) home.give(buffer);
  }
}
