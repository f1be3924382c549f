/**
 * Large buffers that are used over and over. Allocating one costs more than filling it: the system maps its pages one by one, and memory
 * outside the heap triggers full collections. Idle memory is bounded, and freed if it was not needed for a while.
 */

/** Smaller buffers are cheap to make. */
export const LARGE = 2 ** 14;
/** Bytes that may lie idle. */
const MAX_IDLE = 2 ** 28;
/** Buffers that were unused for this time are freed. */
const PATIENCE_MS = 5000;

interface Shelf {
  readonly buffers: ArrayBuffer[];
  /** The minimum number here since the last check of the shelves: that number is not needed. */
  least: number;
}

export interface BufferPool {
  /** @returns a buffer of at least this size, with undefined content */
  take(bytes: number): ArrayBuffer;
  /** @param buffer that is no longer read or written; one that was not made by a pool is dropped */
  give(buffer: ArrayBuffer): void;
  /** Bytes that lie idle. */
  readonly idle: number;
}

/** The sizes that are made: four to each doubling. */
export function sizeClass(bytes: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(LARGE, bytes))) - 2);
  return Math.max(LARGE, Math.ceil(bytes / step) * step);
}

export function createBufferPool(maxIdle = MAX_IDLE, patience = PATIENCE_MS): BufferPool {
  const shelves = new Map<number, Shelf>();
  let idle = 0;
  let timer: NodeJS.Timeout | undefined;
  const lookThrough = (): void => {
    for (const [size, shelf] of shelves) {
      idle -= size * shelf.buffers.splice(0, shelf.least).length;
      shelf.least = shelf.buffers.length;
      if (shelf.buffers.length === 0) shelves.delete(size);
    }
    if (shelves.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return {
    get idle() {
      return idle;
    },
    take(bytes) {
      const size = sizeClass(bytes);
      const shelf = shelves.get(size);
      const found = shelf?.buffers.pop();
      if (!found) return new ArrayBuffer(size);
      idle -= size;
      shelf!.least = Math.min(shelf!.least, shelf!.buffers.length);
      return found;
    },
    give(buffer) {
      const size = buffer.byteLength;
      if (size < LARGE || sizeClass(size) !== size || idle + size > maxIdle) return;
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

/** The pool of this thread. */
export const bufferPool: BufferPool = createBufferPool();
