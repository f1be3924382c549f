/** A typed array that grows: values whose number is not known beforehand, in one piece of memory. */

type TypedArray = Uint8Array | Int32Array | Float64Array;

export interface GrowingValues<T extends TypedArray> {
  add(values: T): void;
  /** Makes room for this number of additional values. @returns the array, in which they may be written from `length` on */
  reserve(more: number): T;
  /** Values so far; a writer of its own counts them here. */
  length: number;
  all(): T;
}

const FEWEST = 4096;

/**
 * Grows by half, so that at most a third of the memory is unused.
 * @param most values that the array may have; `reserve` beyond them is the caller's error
 */
export function growing<T extends TypedArray>(
  allocate: (count: number) => T,
  most: number = Number.MAX_SAFE_INTEGER,
): GrowingValues<T> {
  let values = allocate(0);
  const self: GrowingValues<T> = {
    length: 0,
    add(added) {
      self.reserve(added.length).set(added, self.length);
      self.length += added.length;
    },
    reserve(more) {
      const needed = self.length + more;
      if (needed <= values.length) return values;
      const larger = allocate(Math.min(most, Math.max(FEWEST, needed, values.length + (values.length >> 1))));
      larger.set(values.subarray(0, self.length));
      values = larger;
      return values;
    },
    all: () => values.subarray(0, self.length) as T,
  };
  return self;
}
