import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { candidates, prepare, scalars } from "../../tests/operators/step.js";

const step = (outputs: readonly ReturnType<typeof column>[], params: Record<string, unknown>) => ({
  params: params as { item: string },
  inputs: { input: outputs.map(({ name }) => name), shadow: outputs.map(({ name }) => name) },
  outputs,
});
const ids = column("id", "int64", { rows: "x" });
const scores = column("score", "float32", { rows: "x" });

/** "1:0.5 2:null" → pairs of an id and a score. */
const pairsOf = (list: string): (readonly [number, number | null])[] =>
  list
    .split(" ")
    .filter(Boolean)
    .map(pair => pair.split(":"))
    .map(([id, score]) => [Number(id), score === "null" ? null : Number(score)]);

/** Compares lists of pairs `id:score`. */
async function compared(main: readonly string[], other: readonly string[], topk = 3) {
  const kernel = await prepare("shadow", step([ids, scores], { item: "id", score: "score", topk }));
  const columnsOf = (texts: readonly string[]) => {
    const lists = texts.map(pairsOf);
    const id = candidates(
      "int64",
      lists.map(list => list.map(pair => pair[0])),
    );
    const values = scalars(
      "float32",
      lists.flat().map(pair => pair[1]),
      id.rows,
    );
    return [id, values];
  };
  kernel.shadow!.compare(columnsOf(main), columnsOf(other));
  const { lists, overlap, scores: compared, scoreDifference } = kernel.shadow!.counters;
  return [lists.equal, lists.different, Number(overlap.toFixed(6)), compared, Number(scoreDifference.toFixed(6))];
}

describe("comparison", () => {
  test("of any lists of several users: the overlap is that of sets, list by list", async () => {
    const score = fc.option(fc.integer({ min: 0, max: 4 }));
    const listOf = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5 }), score), {
      selector: ([id]) => id,
      maxLength: 4,
    });
    const users = fc.array(fc.tuple(listOf, listOf), { minLength: 1, maxLength: 4 });
    const text = (list: readonly (readonly [number, number | null])[]) =>
      list.map(([id, of]) => `${id}:${of}`).join(" ");
    await fc.assert(
      fc.asyncProperty(users, fc.integer({ min: 1, max: 5 }), async (all, topk) => {
        const totals = { equal: 0, different: 0, overlap: 0, scores: 0, difference: 0 };
        for (const [main, other] of all.map(lists => lists.map(list => list.slice(0, topk)))) {
          const [ours, theirs] = [new Map(main), new Map(other)];
          const both = [...ours.keys()].filter(id => theirs.has(id));
          const longer = Math.max(ours.size, theirs.size);
          const isEqual = String([...ours.keys()]) === String([...theirs.keys()]);
          totals[isEqual ? "equal" : "different"]++;
          totals.overlap += longer === 0 ? 1 : both.length / longer;
          for (const id of both) {
            const [x, y] = [ours.get(id) ?? null, theirs.get(id) ?? null];
            if (x === null || y === null) continue;
            totals.scores++;
            totals.difference += Math.abs(x - y);
          }
        }
        const { equal, different, overlap, scores: count, difference } = totals;
        expect(
          await compared(
            all.map(([main]) => text(main)),
            all.map(([, other]) => text(other)),
            topk,
          ),
        ).toEqual([equal, different, Number(overlap.toFixed(6)), count, difference]);
      }),
    );
  });
  test("of one score per request row, by its place", async () => {
    const kernel = await prepare("shadow", step([column("score", "float32")], { score: "score" }));
    const of = (...values: (number | null)[]) => [scalars("float32", values)];
    kernel.shadow!.compare(of(1, 2, null, 4), of(1, 2.5, null, null));
    expect(kernel.shadow!.counters).toMatchObject({
      lists: { equal: 2, different: 2 },
      scores: 2,
      scoreDifference: 0.5,
    });
  });
});
