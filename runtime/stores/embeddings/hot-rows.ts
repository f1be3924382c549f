/**
 * A cache of rows of float32 vectors, bounded by bytes. It is one block of memory with eight slots for each row. It evicts the slot that
 * was not used since the clock hand last passed it (second chance, in each set).
 */

export interface HotRows {
  /** Bytes of all of it. */
  readonly memory: number;
  /** Copies the row into `to[start] …`, and keeps it. */
  copy(row: number, to: Float32Array, start: number): void;
}

const WAYS = 8;
/** A slot's row number, and whether it was used. */
const OVERHEAD = 5;

/**
 * @param memory most bytes; less than eight rows: nothing is kept
 * @param read reads a row into the vector
 */
export function hotRows(dimension: number, memory: number, read: (row: number, into: Float32Array) => void): HotRows {
  const sets = Math.floor(memory / (WAYS * (dimension * 4 + OVERHEAD) + 1));
  if (sets === 0)
    return {
      memory: 0,
      copy: (row, to, start) => read(row, to.subarray(start, start + dimension)),
    };
  const cells = new Float32Array(sets * WAYS * dimension);
  /** Row + 1; 0 is free. */
  const rows = new Uint32Array(sets * WAYS);
  const asked = new Uint8Array(sets * WAYS);
  const hands = new Uint8Array(sets);
  const vector = (slot: number): Float32Array => cells.subarray(slot * dimension, (slot + 1) * dimension);

  /** The next slot of the set that may go. */
  const give = (set: number): number => {
    for (;;) {
      const slot = set * WAYS + hands[set]!;
      hands[set] = (hands[set]! + 1) % WAYS;
      if (asked[slot] === 0) return slot;
      asked[slot] = 0;
    }
  };

  return {
    memory: cells.byteLength + rows.byteLength + asked.byteLength + hands.byteLength,
    copy: (row, to, start) => {
      // Neighbors are often read together, so they must not share a set.
      const set = row % sets;
      for (let slot = set * WAYS; slot < (set + 1) * WAYS; slot++)
        if (rows[slot] === row + 1) {
          asked[slot] = 1;
          to.set(vector(slot), start);
          return;
        }
      const slot = give(set);
      // A read that fails must not leave half a row under a name.
      rows[slot] = 0;
      read(row, vector(slot));
      rows[slot] = row + 1;
      to.set(vector(slot), start);
    },
  };
}
