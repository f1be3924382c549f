// For random ensembles with every operator of the stages: answer(batch) = answers one by one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { preparePlan } from "#runtime/plan/execute.js";
import { type Column, rootRows } from "#runtime/plan/table.js";
import { grouped, lists, scalars, vectors } from "../kernels/step.js";
import { bloomText } from "./bloom-text.js";
import { type Choice, choice, ortModels, randomEnsemble } from "./random-ensemble.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-batches-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface User {
  readonly id: number;
  readonly row: number;
  readonly visits: number;
  readonly query: readonly number[];
  readonly popular: readonly number[];
  readonly hidden: readonly number[];
  readonly licensed: readonly number[];
  readonly seen: readonly number[];
}
const ids = (max: number) => fc.array(fc.integer({ min: 8, max: 52 }), { maxLength: max });
const user: fc.Arbitrary<User> = fc.record({
  id: fc.integer({ min: 0, max: 3 }),
  row: fc.integer({ min: 0, max: 42 }),
  visits: fc.integer({ min: 0, max: 5 }),
  query: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
  popular: ids(12),
  hidden: ids(8),
  licensed: ids(30),
  seen: ids(10),
});

function requestColumns(users: readonly User[]): ReadonlyMap<string, Column> {
  const rows = rootRows(users.length);
  const of = <T>(pick: (user: User) => T): T[] => users.map(pick);
  return new Map<string, Column>([
    [
      "user_id",
      scalars(
        "int64",
        of(u => u.id),
        rows,
      ),
    ],
    [
      "user_row",
      scalars(
        "int64",
        of(u => u.row),
        rows,
      ),
    ],
    [
      "visits",
      scalars(
        "int64",
        of(u => u.visits),
        rows,
      ),
    ],
    [
      "query",
      vectors(
        "float32",
        of(u => u.query),
        4,
        rows,
      ),
    ],
    [
      "popular_ids",
      lists(
        "int64",
        of(u => u.popular),
        rows,
      ),
    ],
    [
      "hidden",
      lists(
        "int64",
        of(u => u.hidden),
        rows,
      ),
    ],
    [
      "licensed",
      lists(
        "int64",
        of(u => u.licensed),
        rows,
      ),
    ],
    [
      "seen",
      scalars(
        "string",
        of(u => bloomText(u.seen)),
        rows,
      ),
    ],
  ]);
}

/** Ids, and scores to six digits: a model may add in another order for a batch. */
function readable(columns: ReadonlyMap<string, Column>) {
  const scores = grouped(columns.get("ordered_scores")!) as number[][];
  return { ids: grouped(columns.get("ordered_ids")!), scores: scores.map(row => row.map(x => Number(x.toFixed(5)))) };
}

/** Every way of every stage once, whatever chance brings. */
const BASE: Choice = {
  ...{ retrieval: "faiss", first: "tower", second: "popular", topk: 20, exclude: false, deny: false, allow: false },
  ...{ seen: false, drop: true, filter: false, score: "lambda", scale: "none", boost: false, cached: false },
  ...{ order: "topK", keep: 5 },
};
const EACH: Partial<Choice>[] = [
  { retrieval: "tower", deny: true, boost: true, order: "sample" },
  { retrieval: "implicit", exclude: true, seen: true, order: "limit", scale: "rank" },
  { retrieval: "popular", allow: true, filter: true, score: "forest", order: "greedy" },
  { retrieval: "fallback", score: "onnx", drop: false, order: "mmr", scale: "minMax" },
  { retrieval: "choose", cached: true, drop: false, order: "dpp", scale: "standard" },
];

test("answer(batch) = answers one by one, for random ensembles with every operator", async () => {
  const used = new Set<string>();
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(choice, fc.array(user, { minLength: 2, maxLength: 6 }), async (of, users) => {
      const { plan, models } = randomEnsemble(of, folder);
      for (const { op, cache } of plan.steps) used.add(op).add(cache ? "cached" : op);
      const context = { seed: 7n, parameters: new Map() };
      const open = () => preparePlan(plan, { folder, models: ortModels(models) });
      const [together, alone] = [await open(), await open()];
      try {
        const batch = readable((await together.run(requestColumns(users), context)).columns);
        for (const [i, one] of users.entries()) {
          const single = readable((await alone.run(requestColumns([one]), context)).columns);
          expect({ ids: batch.ids[i], scores: batch.scores[i] }).toEqual({
            ids: single.ids[0],
            scores: single.scores[0],
          });
          answered += batch.ids[i]!.length;
        }
        // Asked again, a cache answers the same.
        expect(readable((await together.run(requestColumns(users), context)).columns)).toEqual(batch);
      } finally {
        await together.close();
        await alone.close();
      }
    }),
    {
      numRuns: 60,
      seed: 11,
      examples: EACH.map(each => [{ ...BASE, ...each }, fc.sample(user, { numRuns: 5, seed: 3 })] as [Choice, User[]]),
    },
  );
  expect(answered).toBeGreaterThan(300);
  const stages =
    "queryFeast transformWorkflow predictOnnx predictForest predictImplicit queryFaiss queryEmbedding explode fallback choose filterCandidates filter lambdaOp boost unrollFeatures softmaxSampling topK mixScores limitPerGroup diversify cached";
  expect(stages.split(" ").filter(op => !used.has(op))).toEqual([]);
}, 120_000);
