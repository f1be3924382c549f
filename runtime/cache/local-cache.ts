/**
 * The local response cache: request → the answer it had before, the least recently used ones dropped when the bytes run out.
 */

import { createHash } from "node:crypto";
import type { BackendRequest, BackendResponse } from "../backends/backend.js";
import type { ModelVersion } from "../repository/model-version.js";
import type { Tensor } from "../tensor.js";

export interface ResponseCache {
  get(key: string): BackendResponse | undefined;
  /** @returns why it is not kept: an answer that is larger than the whole cache */
  put(key: string, response: BackendResponse): string | undefined;
}

/** What an entry takes beside its tensors. */
const ENTRY_BYTES = 256;

export function createLocalCache(size: number): ResponseCache {
  const entries = new Map<string, { readonly response: BackendResponse; readonly bytes: number }>();
  let held = 0;
  const drop = (key: string): void => {
    held -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
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
      // Copies: a view would keep the buffer of a whole request or batch.
      const outputs = response.outputs.map(tensor => ({ ...tensor, data: Uint8Array.from(tensor.data) }));
      const bytes = outputs.reduce((sum, { data }) => sum + data.byteLength, ENTRY_BYTES);
      if (bytes > size) return `Requested byte_size: ${bytes} is greater than total cache size: ${size}`;
      drop(key);
      entries.set(key, { response: { ...response, outputs }, bytes });
      held += bytes;
      for (const oldest of entries.keys()) {
        if (held <= size) break;
        drop(oldest);
      }
      return undefined;
    },
  };
}

/** Equal for requests that a model must answer alike: same inputs, same outputs wanted. Parameters are not looked at, as in Triton. */
export function cacheKey(model: string, version: ModelVersion, request: BackendRequest): string {
  const hash = createHash("sha256").update(JSON.stringify([model, String(version), [...request.requestedOutputs]]));
  for (const tensor of [...request.inputs.values()].sort(byName))
    hash.update(JSON.stringify([tensor.name, tensor.datatype, tensor.shape])).update(tensor.data);
  return hash.digest("base64");
}

const byName = (a: Tensor, b: Tensor): number => (a.name < b.name ? -1 : 1);
