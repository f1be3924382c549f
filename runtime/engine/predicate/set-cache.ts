/** Sets of positions by key, the least recently used of which leave when they are too many bytes, or when the server's memory is spent. */
import { RuntimeFault } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";

/** Bytes of the sets of one step. */
export const MOST_KEPT = 32 * 2 ** 20;
/** Longer keys are those of long lists, which are rarely equal. */
const LONGEST_KEY = 1024;
/** Bytes of an entry beside its set and its key. */
const AROUND = 200;

export interface SetCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, bits: Uint8Array): void;
  close(): void;
}

export function setCache(memory?: MemoryBudget): SetCache {
  const kept = new Map<string, Uint8Array>();
  const charge = memory?.open();
  let bytes = 0;
  let closed = false;
  const remove = (key: string, size: number): void => {
    kept.delete(key);
    bytes -= size;
    charge?.subtract(size);
  };
  const clear = (): void => {
    kept.clear();
    bytes = 0;
    charge?.release();
  };
  const end = memory?.whenSpent(clear);
  return {
    get(key) {
      const found = kept.get(key);
      if (!found) return undefined;
      kept.delete(key);
      kept.set(key, found);
      return found;
    },
    set(key, bits) {
      const size = sizeOf(key, bits);
      if (closed || key.length > LONGEST_KEY || size > MOST_KEPT || kept.has(key)) return;
      for (const [oldest, set] of kept) {
        if (bytes + size <= MOST_KEPT) break;
        remove(oldest, sizeOf(oldest, set));
      }
      try {
        charge?.add(size);
      } catch (error) {
        // No memory is left to keep it; the request itself is not refused.
        if (error instanceof RuntimeFault) return;
        throw error;
      }
      bytes += size;
      kept.set(key, bits);
    },
    close() {
      closed = true;
      end?.();
      clear();
    },
  };
}

const sizeOf = (key: string, { buffer }: Uint8Array): number => buffer.byteLength + 2 * key.length + AROUND;
