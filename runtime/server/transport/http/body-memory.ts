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

/** A class, since each request makes two: an object with an accessor would be built by the slow path of the engine. */
export class BodyMemory implements GrowableMemory {
  readonly #charge: Charge;
  /** Unused bytes in front of the JSON, so that the tensors behind it are aligned. */
  readonly #start: number;
  #borrowed: RequestMemory | undefined;
  #small: MakeTensor | undefined;

  /**
   * @param charge takes all bytes
   * @param jsonLength bytes of JSON in front of the tensors, as a header has it; an invalid number counts as none
   */
  constructor(charge: Charge, jsonLength = 0) {
    this.#charge = charge;
    this.#start = Number.isSafeInteger(jsonLength) && jsonLength > 0 ? -jsonLength & (ALIGNMENT - 1) : 0;
  }

  /** The memory that the request borrows; undefined for a small one. */
  get borrowed(): RequestMemory | undefined {
    return this.#borrowed;
  }

  make(length: number): Buffer {
    this.#charge.add(length);
    if (length < LARGE) return Buffer.allocUnsafe(length);
    return Buffer.from(this.#take(this.#start + length), this.#start, length);
  }

  outgrown({ buffer, length }: Buffer): void {
    this.#charge.subtract(length);
    if (this.#borrowed?.moves(buffer)) this.#borrowed.moved(buffer).give(buffer as ArrayBuffer);
  }

  /** `make` for a tensor of this size, with undefined content. */
  readonly makeTensor: MakeTensor = bytes => {
    this.#charge.add(bytes);
    if (bytes >= LARGE) return new Uint8Array(this.#take(bytes), 0, bytes);
    this.#small ??= smallTensors();
    return this.#small(bytes);
  };

  #take(bytes: number): ArrayBuffer {
    this.#borrowed ??= new RequestMemory();
    return this.#borrowed.take(bytes);
  }
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
