/**
 * Where an inference's bytes lie: its body, if that is large, in memory that the request borrows, and so that the first tensor behind the JSON is where typed
 * arrays can begin; large tensors that are read out of JSON in such memory, too.
 */
import { LARGE } from "../../memory/buffer-pool.js";
import { RequestMemory } from "../../memory/request-memory.js";
import type { Room } from "./room.js";

const ALIGNMENT = 8;

export interface BodyMemory extends Room {
  /** Room for a tensor of so many bytes, whatever it holds. */
  makeTensor(bytes: number): ArrayBuffer;
  /** What the request borrows; undefined for a small one. */
  readonly borrowed: RequestMemory | undefined;
}

/** @param jsonLength bytes of JSON in front of the tensors, as a header tells; what is no such number counts as none */
export function createBodyMemory(jsonLength = 0): BodyMemory {
  const start = Number.isSafeInteger(jsonLength) && jsonLength > 0 ? -jsonLength & (ALIGNMENT - 1) : 0;
  let borrowed: RequestMemory | undefined;
  const take = (bytes: number): ArrayBuffer => {
    borrowed ??= new RequestMemory();
    return borrowed.take(bytes);
  };
  return {
    make: length => (length < LARGE ? Buffer.allocUnsafe(length) : Buffer.from(take(start + length), start, length)),
    outgrown({ buffer }) {
      if (borrowed?.moves(buffer)) borrowed.moved(buffer).give(buffer as ArrayBuffer);
    },
    makeTensor: bytes => (bytes < LARGE ? new ArrayBuffer(bytes) : take(bytes)),
    get borrowed() {
      return borrowed;
    },
  };
}
