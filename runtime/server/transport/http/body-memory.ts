/**
 * Where an inference's bytes lie: its body, if that is large, in memory that the request borrows, and so that the first tensor behind the JSON is where typed
 * arrays can begin; large tensors that are read out of JSON in such memory, too.
 */
import { LARGE } from "../../../base/memory/buffer-pool.js";
import type { Charge } from "../../../base/memory/memory-budget.js";
import { RequestMemory } from "../../../base/memory/request-memory.js";
import type { GrowableMemory } from "./growable-buffer.js";
import type { MakeTensor } from "./read-elements.js";

const ALIGNMENT = 8;
/** Bytes that small tensors share. */
const SHARED = 2 ** 12;

export interface BodyMemory extends GrowableMemory {
  /** GrowableMemory for a tensor of so many bytes, whatever it holds. */
  readonly makeTensor: MakeTensor;
  /** What the request borrows; undefined for a small one. */
  readonly borrowed: RequestMemory | undefined;
}

/**
 * @param charge takes all bytes
 * @param jsonLength bytes of JSON in front of the tensors, as a header has it; what is no such number counts as none
 */
export function createBodyMemory(charge: Charge, jsonLength = 0): BodyMemory {
  const start = Number.isSafeInteger(jsonLength) && jsonLength > 0 ? -jsonLength & (ALIGNMENT - 1) : 0;
  let borrowed: RequestMemory | undefined;
  const take = (bytes: number): ArrayBuffer => {
    borrowed ??= new RequestMemory();
    return borrowed.take(bytes);
  };
  let small: MakeTensor | undefined;
  return {
    make(length) {
      charge.add(length);
      return length < LARGE ? Buffer.allocUnsafe(length) : Buffer.from(take(start + length), start, length);
    },
    outgrown({ buffer, length }) {
      charge.subtract(length);
      if (borrowed?.moves(buffer)) borrowed.moved(buffer).give(buffer as ArrayBuffer);
    },
    makeTensor(bytes) {
      charge.add(bytes);
      if (bytes >= LARGE) return new Uint8Array(take(bytes), 0, bytes);
      small ??= smallTensors();
      return small(bytes);
    },
    get borrowed() {
      return borrowed;
    },
  };
}

/** Small tensors of one request, all but the first in buffers that they share: a buffer for each costs more than what is in it. */
export function smallTensors(): MakeTensor {
  let shared: ArrayBuffer | undefined;
  let at = 0;
  let isFirst = true;
  return bytes => {
    if (isFirst || bytes > SHARED / 2) {
      isFirst = false;
      // A short array without a buffer of its own gets one when its bytes are looked at, which costs more.
      return new Uint8Array(new ArrayBuffer(bytes));
    }
    if (!shared || at + bytes > SHARED) {
      shared = new ArrayBuffer(SHARED);
      at = 0;
    }
    const tensor = new Uint8Array(shared, at, bytes);
    at = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT;
    return tensor;
  };
}
