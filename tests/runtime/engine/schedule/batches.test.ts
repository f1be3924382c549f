// For random ensembles with every operator of the stages: response(batch) = responses one by one, and the stories of each candidate too.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { ExecutablePlan } from "#runtime/engine/schedule/plan-result.js";
import { type Choice, choice, ortModels, randomEnsemble } from "./random-ensemble.js";
import { BASE, EACH, readable, requestColumns, rounded, type User, user } from "./random-users.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-batches-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** More of them by `BATCHES=5000 npm test -- schedule/batches`, and others with each `BATCHES_SEED`. */
const { BATCHES = "60", BATCHES_SEED = "11" } = process.env;

type Answer = { readonly rows: ReturnType<typeof readable>; readonly told: ReturnType<typeof explainCandidates> };

/** @returns the fault's text where the request has one */
async function ask(plan: ExecutablePlan, users: readonly User[]): Promise<Answer | string> {
  try {
    const run = await plan.run(requestColumns(users), { seed: 7n, parameters: new Map() });
    return { rows: readable(run.columns), told: explainCandidates(plan.plan, run) };
  } catch (error) {
    return (error as Error).message;
  }
}

test(
  "answer(batch) = answers one by one, for random ensembles with every operator",
  async () => {
    const used = new Set<string>();
    // The store has users 1 and 2.
    const someKnown = fc.sample(user, { numRuns: 5, seed: 3 }).map((one, id) => ({ ...one, id: id % 4 }));
    const seen = { candidates: 0, faults: 0, nulls: 0 };
    await fc.assert(
      fc.asyncProperty(choice, fc.array(user, { minLength: 2, maxLength: 6 }), async (of, users) => {
        const { plan, models } = randomEnsemble(of, folder);
        for (const { op, cache } of plan.steps) used.add(op).add(cache ? "cached" : op);
        const open = () => preparePlan(fittedPlan(plan), { folder, models: ortModels(models) });
        const [together, alone] = [await open(), await open()];
        try {
          const batch = await ask(together, users);
          const singles: (Answer | string)[] = [];
          for (const one of users) singles.push(await ask(alone, [one]));
          const faults = singles.filter(single => typeof single === "string");
          if (typeof batch === "string") {
            // An unknown user fails its own request only: the first of them is named.
            expect(batch).toMatch(/has no entity with user_id \d \(column `user_id`, row \d\)/);
            // With branches, rows run one by one.
            const told = batch.replace(/ This is row \d of the request, run alone\.$/, "");
            expect(told.replace(/row \d/, "row 0")).toBe(faults[0]);
            seen.faults++;
            return;
          }
          expect(faults).toEqual([]);
          const whole = singles as Answer[];
          const wanted = { rows: whole.map(({ rows }) => rows[0]), told: whole.map(({ told }) => told[0]) };
          expect(rounded(batch, wanted)).toEqual(wanted);
          for (const row of batch.rows) {
            seen.candidates += (row.ordered_ids as readonly unknown[]).length;
            if (Object.values(row).includes(null)) seen.nulls++;
          }
          // One column of a boost's output is a score.
          const told = new Set(batch.told.flat().flatMap(({ scores }) => Object.keys(scores)));
          expect([...told].filter(name => /boost\./.test(name) && name !== "boost.score")).toEqual([]);
          // A repeated request has the same response from the cache.
          expect(rounded(await ask(together, users), batch)).toEqual(batch);
        } finally {
          await together.close();
          await alone.close();
        }
      }),
      {
        numRuns: Number(BATCHES),
        seed: Number(BATCHES_SEED),
        examples: EACH.map(each => [{ ...BASE, ...each }, someKnown] as [Choice, User[]]),
      },
    );
    expect(seen.candidates).toBeGreaterThan(300);
    expect(Math.min(seen.faults, seen.nulls)).toBeGreaterThan(2);
    const stages =
      "queryFeast transformWorkflow predictOnnx predictForest predictImplicit queryFaiss queryEmbedding explode fallback choose mergeCandidates lookupCandidates filterCandidates filter lambdaOp boost unrollFeatures softmaxSampling topK mixScores limitPerGroup diversify cached";
    const engineering = "hashBucket hashedCross fillMissing bucketize listSlice differenceLag";
    expect(`${stages} ${engineering}`.split(" ").filter(op => !used.has(op))).toEqual([]);
  },
  120_000 + Number(BATCHES) * 1000,
);
