// Positions of ids in an index whose ids are positions.
import { expect, test } from "vitest";
import { ownPositions } from "#runtime/stores/vectors/delta/id-positions.js";

test("an id that is a position has that one, and any other id has none", () => {
  const positionsOf = ownPositions(3);
  expect([0n, 1n, 2n].map(positionsOf)).toEqual([[0], [1], [2]]);
  for (const id of [-1n, 3n, 2n ** 32n, "0"]) expect(positionsOf(id)).toEqual([]);
});
