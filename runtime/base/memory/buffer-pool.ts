/**
 * Large buffers that are used over and over. Allocating one costs more than filling it: the system maps its pages one by one, and memory
 * outside the heap triggers full collections. Idle memory is bounded, and freed if it was not needed for a while.
 */
import { UncountedMemory } from "./uncounted-memory.js";

/** Smaller buffers are cheap to make. */
export const LARGE = 2 ** 14;
/** Bytes that may lie idle. */
const MAX_IDLE = 2 ** 28;
/** Freeing takes the system about a millisecond for this many bytes; one turn of the event loop frees no more. */
const FREED_IN_TURN = 2 ** 23;
/** Buffers that were unused for this time are freed. Those that were not returned are looked for as often. */
const PATIENCE_MS = 5000;

interface Shelf {
  readonly buffers: ArrayBuffer[];
  /** The minimum number here since the last check of the shelves: that number is not needed. */
  least: number;
}

export interface BufferPool {
  /** @returns a buffer of at least this size, with undefined content */
  take(bytes: number): ArrayBuffer;
  /** @param buffer that is no longer read or written; the pool may free it. One that was not made by a pool is dropped */
  give(buffer: ArrayBuffer): void;
  /** V8 counts the buffer from now on: it is left to the garbage collector, or is about to be moved to another thread. */
  leave(buffer: ArrayBuffer): void;
  /** Bytes that lie idle. */
  readonly idle: number;
}

/** The sizes that are made: four to each doubling. */
export function sizeClass(bytes: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(LARGE, bytes))) - 2);
  return Math.max(LARGE, Math.ceil(bytes / step) * step);
}

export function createBufferPool(
  maxIdle = MAX_IDLE,
  patience = PATIENCE_MS,
  uncounted = new UncountedMemory(),
): BufferPool {
  const shelves = new Map<number, Shelf>();
  let idle = 0;
  let timer: NodeJS.Timeout | undefined;
  const unneeded: ArrayBuffer[] = [];
  /** A buffer without bytes is free at once. The garbage collector would need a collection for it. */
  const freeSome = (): void => {
    for (let freed = 0; unneeded.length > 0 && freed < FREED_IN_TURN; ) {
      const buffer = unneeded.pop()!;
      freed += buffer.byteLength;
      if (!buffer.detached) buffer.transfer(0);
      uncounted.drop(buffer);
    }
    if (unneeded.length > 0) setImmediate(freeSome);
  };
  const free = (buffer: ArrayBuffer): void => {
    if (unneeded.push(buffer) === 1) setImmediate(freeSome);
  };
  const lookThrough = (): void => {
    for (const [size, shelf] of shelves) {
      for (const buffer of shelf.buffers.splice(0, shelf.least)) {
        idle -= size;
        free(buffer);
      }
      shelf.least = shelf.buffers.length;
      if (shelf.buffers.length === 0) shelves.delete(size);
    }
    uncounted.turn();
    if (shelves.size > 0 || uncounted.lends) return;
    clearInterval(timer);
    timer = undefined;
  };
  const lend = (buffer: ArrayBuffer): ArrayBuffer => {
    uncounted.lend(buffer);
    if (uncounted.lends) timer ??= setInterval(lookThrough, patience).unref();
    return buffer;
  };
  return {
    get idle() {
      return idle;
    },
    take(bytes) {
      const size = sizeClass(bytes);
      const shelf = shelves.get(size);
      const found = shelf?.buffers.pop();
      if (!found) return lend(new ArrayBuffer(size));
      idle -= size;
      shelf!.least = Math.min(shelf!.least, shelf!.buffers.length);
      return lend(found);
    },
    leave: buffer => uncounted.drop(buffer),
    give(buffer) {
      const size = buffer.byteLength;
      if (size < LARGE || sizeClass(size) !== size) {
        uncounted.drop(buffer);
        return;
      }
      if (idle + size > maxIdle) {
        free(buffer);
        return;
      }
      uncounted.keep(buffer);
      let shelf = shelves.get(size);
      if (!shelf) {
        shelf = { buffers: [], least: 0 };
        shelves.set(size, shelf);
      }
      shelf.buffers.push(buffer);
      idle += size;
      timer ??= setInterval(lookThrough, patience).unref();
    },
  };
}

/** Buffers of this thread's pool that V8 does not count. */
export const uncountedBuffers = new UncountedMemory();
/** The pool of this thread. */
export const bufferPool: BufferPool = createBufferPool(MAX_IDLE, PATIENCE_MS, uncountedBuffers);

/** Bytes with undefined content, from the pool if there are many. */
export const takeBytes = (length: number): Buffer =>
  length < LARGE ? Buffer.allocUnsafe(length) : Buffer.from(bufferPool.take(length), 0, length);

/** @param bytes as `takeBytes` made them, which nothing reads any more */
export function giveBytes(bytes: Buffer): void {
  if (bytes.length >= LARGE) bufferPool.give(bytes.buffer as ArrayBuffer);
}
