// For random ensembles with every operator of the stages: answer(batch) = answers one by one, and what is told of each candidate too.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { type PlanResult, preparePlan } from "#runtime/plan/execute.js";
import { explainCandidates } from "#runtime/plan/explain-candidates.js";
import type { Plan } from "#triton-protos/plan.js";
import { type Choice, choice, ortModels, randomEnsemble } from "./random-ensemble.js";
import { BASE, EACH, readable, requestColumns, type User, user } from "./random-users.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-batches-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What became of each candidate. */
const stories = (plan: Plan, run: PlanResult) =>
  explainCandidates(plan, run).map(row =>
    row.map(({ scores, ...story }) => ({
      ...story,
      scores: Object.entries(scores).map(([name, score]) => [name, score.toFixed(4)]),
    })),
  );

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
        const run = await together.run(requestColumns(users), context);
        const batch = readable(run.columns);
        const told = stories(plan, run);
        expect(told).toHaveLength(users.length);
        for (const [i, one] of users.entries()) {
          const asked = await alone.run(requestColumns([one]), context);
          const single = readable(asked.columns);
          expect(told[i]).toEqual(stories(plan, asked)[0]);
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
