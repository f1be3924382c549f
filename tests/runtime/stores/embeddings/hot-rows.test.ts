// Random reads through the cache of vectors: always the row's own numbers, within the memory, and frequently used rows stay.
import fc from "fast-check";
import { expect, test } from "vitest";
import { hotRows } from "#runtime/stores/embeddings/hot-rows.js";

const numberOf = (row: number, i: number): number => row * 10 + i;
/** A slot's row number, and whether it was used. */
const OVERHEAD = 5;
const WAYS = 8;
const bytesOf = (sets: number, dimension: number): number => sets * (WAYS * (dimension * 4 + OVERHEAD) + 1);

function world(dimension: number, memory: number) {
  const read: number[] = [];
  const state = { fails: false };
  const hot = hotRows(dimension, memory, (row, into) => {
    read.push(row);
    expect(into).toHaveLength(dimension);
    for (let i = 0; i < dimension; i++) into[i] = numberOf(row, i);
    if (state.fails) throw new Error(`${row} is cut`);
  });
  const ask = (row: number): void => {
    const to = new Float32Array(dimension + 3).fill(-1);
    hot.copy(row, to, 2);
    expect([...to]).toEqual([-1, -1, ...Array.from({ length: dimension }, (_, i) => numberOf(row, i)), -1]);
  };
  return { read, state, hot, ask };
}

const shape = fc.record({ dimension: fc.integer({ min: 1, max: 5 }), sets: fc.integer({ min: 1, max: 4 }) });

test("every row is its own, read again only where others took its place", () => {
  const reads = fc.array(fc.record({ row: fc.nat({ max: 60 }), fails: fc.nat({ max: 9 }).map(n => n === 0) }), {
    minLength: 20,
    maxLength: 150,
    size: "max",
  });
  fc.assert(
    fc.property(shape, reads, ({ dimension, sets }, all) => {
      const memory = bytesOf(sets, dimension);
      const { read, state, hot, ask } = world(dimension, memory);
      expect(hot.memory).toBe(memory);
      /** By set: rows, the hand, and the slots used since it passed. */
      const model = Array.from({ length: sets }, () => ({
        rows: new Array<number | undefined>(WAYS).fill(undefined),
        asked: new Array<boolean>(WAYS).fill(false),
        hand: 0,
      }));
      for (const { row, fails } of all) {
        const set = model[row % sets]!;
        const at = set.rows.indexOf(row);
        state.fails = fails;
        if (at >= 0) {
          ask(row);
          set.asked[at] = true;
          expect(read).toEqual([]);
          continue;
        }
        while (set.asked[set.hand]) {
          set.asked[set.hand] = false;
          set.hand = (set.hand + 1) % WAYS;
        }
        if (fails) expect(() => ask(row)).toThrow(`${row} is cut`);
        else ask(row);
        // Half a row is never kept.
        set.rows[set.hand] = fails ? undefined : row;
        set.hand = (set.hand + 1) % WAYS;
        expect(read.splice(0)).toEqual([row]);
      }
    }),
  );
});
