/**
 * The memory of an inference's bytes. A large body is in memory that the request borrows, aligned so that typed arrays can begin at the
 * first tensor behind the JSON. Large tensors that are parsed from JSON are in such memory, too.
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
  /** GrowableMemory for a tensor of this size, with undefined content. */
  readonly makeTensor: MakeTensor;
  /** The memory that the request borrows; undefined for a small one. */
  readonly borrowed: RequestMemory | undefined;
}

/**
 * @param charge takes all bytes
 * @param jsonLength bytes of JSON in front of the tensors, as a header has it; an invalid number counts as none
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

/** Small tensors of one request, all but the first in shared buffers: a buffer for each costs more than its content. */
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
