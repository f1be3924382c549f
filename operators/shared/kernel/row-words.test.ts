// Random words of a batch of requests: those of each request alone, by its own seed and its own candidates.
import { expect, test } from "vitest";
import { childRows, type Rows, rootRows, type Values } from "#runtime/base/columns/table.js";
import { type RowDraw, rowWords } from "./row-words.js";

/** The words of each user. */
function draw(rows: Rows, ids: Values, context: Partial<RowDraw["context"]>, seed?: number): number[][] {
  const words = rowWords({ context: { seed: 9n, parameters: new Map(), ...context }, seed, stepHash: 5 }, rows, ids);
  return Array.from({ length: rows.parent!.count }, (_, row) => {
    const [start, end] = [rows.offsets![row]!, rows.offsets![row + 1]!];
    const made = new Int32Array(2 * (end - start));
    words(made, end - start, start, end, row);
    return [...made];
  });
}
const ids = BigInt64Array.of(4n, 2n ** 40n, -1n, 4n, 2n ** 40n);
const users = childRows(rootRows(2), Int32Array.of(0, 2, 5));
const first = childRows(rootRows(1), Int32Array.of(0, 2));
const second = childRows(rootRows(1), Int32Array.of(0, 3));

test("a request has its own seed, in a batch as alone", () => {
  const batch = draw(users, ids, { seeds: [7n, 8n] });
  expect(batch).toEqual([...draw(first, ids.slice(0, 2), { seed: 7n }), ...draw(second, ids.slice(2), { seed: 8n })]);
  expect(draw(users, ids, { seeds: [7n, 7n] })[1]).not.toEqual(batch[1]);
  // A row without a seed of its own has the server's.
  expect(draw(users, ids, { seeds: [7n] })[1]).toEqual(draw(second, ids.slice(2), {})[0]);
});

test("the author's seed is that of each request that has none", () => {
  const parameters = new Map([["seed", 7n]]) as unknown as RowDraw["context"]["parameters"];
  const authored = draw(users, ids, { seeds: [7n, 8n] }, 3);
  expect(authored).toEqual([...draw(first, ids.slice(0, 2), {}, 3), ...draw(second, ids.slice(2), {}, 3)]);
  expect(draw(users, ids, { seeds: [7n, 8n], parameters }, 3)).toEqual(draw(users, ids, { seeds: [7n, 8n] }));
});
