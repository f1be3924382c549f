/**
 * The local response cache: request → the answer it had before, the least recently used ones dropped when the bytes run out.
 */

import { createHash } from "node:crypto";
import { type MemoryBudget, unlimitedMemory } from "../../base/memory/memory-budget.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { Tensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../contract.js";

export interface ResponseCache {
  get(key: string): BackendResponse | undefined;
  /** @returns why it is not kept: an answer that is larger than the whole cache */
  put(key: string, response: BackendResponse): string | undefined;
  /** Gives half of the memory back: the server needs it. */
  shrink(): void;
}

/** The memory of an entry beside its tensors. */
const ENTRY_BYTES = 256;

/** @param budget is charged for the bytes of entries in advance */
export function createLocalCache(size: number, budget: MemoryBudget = unlimitedMemory()): ResponseCache {
  const entries = new Map<string, { readonly response: BackendResponse; readonly bytes: number }>();
  const charge = budget.open();
  const drop = (key: string): void => {
    charge.subtract(entries.get(key)?.bytes ?? 0);
    entries.delete(key);
  };
  /** Drops the least recently used entries while `isTooMuch`. */
  const evict = (isTooMuch: () => boolean): void => {
    for (const oldest of entries.keys()) {
      if (!isTooMuch()) return;
      drop(oldest);
    }
  };
  return {
    get(key) {
      const found = entries.get(key);
      if (!found) return undefined;
      entries.delete(key);
      entries.set(key, found);
      return found.response;
    },
    put(key, response) {
      const bytes = response.outputs.reduce((sum, { data }) => sum + data.byteLength, ENTRY_BYTES);
      if (bytes > size) return `Requested byte_size: ${bytes} is greater than total cache size: ${size}`;
      drop(key);
      evict(() => charge.bytes + bytes > size || budget.wouldRefuse(bytes));
      if (budget.wouldRefuse(bytes))
        return `Requested byte_size: ${bytes} is greater than the memory that the server has left`;
      // Copies: a view would keep the buffer of a whole request or batch.
      const outputs = response.outputs.map(tensor => ({ ...tensor, data: Uint8Array.from(tensor.data) }));
      charge.force(bytes);
      entries.set(key, { response: { ...response, outputs }, bytes });
      return undefined;
    },
    shrink() {
      const most = charge.bytes / 2;
      evict(() => charge.bytes > most);
    },
  };
}

/** Equal for requests that a model must answer alike: same inputs, same requested outputs. Parameters are not looked at, as in Triton. */
export function cacheKey(model: string, version: ModelVersion, request: BackendRequest): string {
  const hash = createHash("sha256").update(JSON.stringify([model, String(version), [...request.requestedOutputs]]));
  for (const tensor of [...request.inputs.values()].sort(byName))
    hash.update(JSON.stringify([tensor.name, tensor.datatype, tensor.shape])).update(tensor.data);
  return hash.digest("base64");
}

const byName = (a: Tensor, b: Tensor): number => (a.name < b.name ? -1 : 1);
