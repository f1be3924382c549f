// For random ensembles with every operator of the stages: answer(batch) = answers one by one.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { preparePlan } from "#runtime/plan/execute.js";
import { type Choice, choice, ortModels, randomEnsemble } from "./random-ensemble.js";
import { BASE, EACH, readable, requestColumns, type User, user } from "./random-users.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-batches-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
