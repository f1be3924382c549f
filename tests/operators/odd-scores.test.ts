// Scores, temperatures and candidates that are at the edge of having a meaning.
import fc from "fast-check";
import { expect, test } from "vitest";
import { candidates, column, context, grouped, run, scalars } from "./step.js";

const order = async (
  params: { topk?: number; temperature?: number; mode?: "sample" | "greedy" },
  ids: number[][],
  scores: number[][],
  seed = 1n,
) => {
  const id = candidates("int64", ids);
  const score = { ...candidates("float32", scores), rows: id.rows };
  const init = {
    params,
    inputs: { input: ["id"], relevance: ["score"] },
    outputs: [column("ordered_ids", "int64", { rows: "s1" }), column("ordered_scores", "float32", { rows: "s1" })],
  };
  const [made] = await run("softmaxSampling", init, { input: [id], relevance: [score] }, context(seed));
  return (grouped(made!) as bigint[][]).map(row => row.map(Number));
};

test("an infinite score is first, its opposite last; NaN is refused with candidate and row", async () => {
  expect(await order({ topk: 3 }, [[1, 2, 3]], [[-Infinity, 0, Infinity]])).toEqual([[3, 2, 1]]);
  await expect(order({ topk: 2 }, [[], [7, 8]], [[], [1, Number.NaN]])).rejects.toThrow(
    "column `score` has no score for candidate 1 (`id` 8) of row 1",
  );
});

test("the first candidate without a score is named, be it null or NaN", async () => {
  const score = fc.constantFrom<number | null>(1, 2, 3, 4, null);
  const lists = fc.array(fc.array(score, { maxLength: 4 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(lists, fc.constantFrom("float32", "float64"), fc.boolean(), async (scores, dtype, byValidity) => {
      const id = candidates(
        "int64",
        scores.map((row, u) => row.map((_, i) => 100 * u + i)),
      );
      const init = {
        params: { topk: 2 },
        inputs: { input: ["id"], relevance: ["score"] },
        outputs: [column("ordered_ids", "int64", { rows: "s1" }), column("ordered_scores", dtype, { rows: "s1" })],
      } as const;
      const flat = scores.flat();
      const known = Uint8Array.from(flat, one => (one === null ? 0 : 1));
      const relevance = byValidity
        ? {
            ...scalars(
              dtype,
              flat.map(one => one ?? 0),
              id.rows,
            ),
            validity: known,
          }
        : scalars(dtype, flat, id.rows);
      const inputs = { input: [id], relevance: [relevance] };
      const row = scores.findIndex(of => of.includes(null));
      const made = run("topK", init, inputs).then(
        ([ids]) => grouped(ids!),
        (error: Error) => error.message,
      );
      const place = scores[row]?.indexOf(null);
      if (row >= 0)
        expect(await made).toContain(
          `column \`score\` has no score for candidate ${place} (\`id\` ${100 * row + place!}) of row ${row}: it is `,
        );
      else
        expect(await made).toEqual(
          scores.map((of, u) =>
            [...of.keys()]
              .sort((i, j) => of[j]! - of[i]! || i - j)
              .slice(0, 2)
              .map(i => BigInt(100 * u + i)),
          ),
        );
    }),
  );
});
