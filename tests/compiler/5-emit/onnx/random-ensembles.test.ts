// Random ensembles with every operator of the stages as one ONNX graph, and through the kernels: the same candidates in the same order.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { lowerPlan } from "#compiler/5-emit/onnx/lower-plan.js";
import { NotLoweredError } from "#compiler/5-emit/onnx/not-lowered.js";
import { releaseOf } from "#compiler/5-emit/onnx/triton-models.js";
import { finishGraph } from "#compiler/onnx/finish-graph.js";
import { fittedPlan } from "#contract/any-step.js";
import { expandFused } from "#contract/expand-fused.js";
import type { Plan } from "#contract/plan.js";
import { withoutChance } from "#contract/step-facts.js";
import type { Column } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { type Choice, choice, ortModels, randomEnsemble } from "../../../runtime/engine/schedule/random-ensemble.js";
import {
  BASE,
  EACH,
  readable,
  requestColumns,
  type User,
  user,
} from "../../../runtime/engine/schedule/random-users.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-random-graphs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Models = ReturnType<typeof randomEnsemble>["models"];

/** @returns the graph's file, or why there is none */
function graphOf(plan: Plan, models: Models): Uint8Array | string {
  const release = releaseOf("25.05");
  try {
    const g = lowerPlan(fittedPlan(plan), {
      release,
      form: "unbatched",
      ivf: "probe",
      file: (_, path) => join(folder, path),
      feast: step => freezeFeatures(step, join(folder, step.artefacts!.repository!), 1_700_000_000),
      model: step => {
        const { from, bytes } = models.get((step.params as { model: string }).model)!;
        return { path: from, bytes: bytes ?? readFileSync(from) };
      },
      note: () => {},
    });
    return finishGraph(g, plan.name, release, { large: Number.POSITIVE_INFINITY }).onnx;
  } catch (error) {
    if (error instanceof NotLoweredError) return error.message;
    throw error;
  }
}

/** The graph's inputs from the columns. */
function feeds(plan: Plan, columns: ReadonlyMap<string, Column>): Record<string, ort.Tensor> {
  const fed: Record<string, ort.Tensor> = {};
  for (const { name } of plan.inputs) {
    const { dtype, values, offsets, width, rows } = columns.get(name)!;
    const tensor = (data: unknown, shape: readonly number[]) =>
      new ort.Tensor(dtype as "int64", data as BigInt64Array, shape);
    if (!offsets) {
      fed[name] = tensor(values, width === undefined ? [rows.count] : [rows.count, width]);
      continue;
    }
    fed[`${name}__values`] = tensor(values, [values.length]);
    fed[`${name}__offsets`] = new ort.Tensor("int32", offsets, [offsets.length]);
  }
  return fed;
}

function answered(answer: Awaited<ReturnType<ort.InferenceSession["run"]>>) {
  const offsets = [...(answer.ordered_ids__offsets!.data as Int32Array)];
  const cut = <T>(values: ArrayLike<T>) => offsets.slice(1).map((end, i) => Array.from(values).slice(offsets[i], end));
  return {
    ids: cut(answer.ordered_ids__values!.data as BigInt64Array),
    scores: cut(answer.ordered_scores__values!.data as Float32Array).map(row => row.map(x => Number(x.toFixed(5)))),
    propensities: answer.list_propensity__values && cut(answer.list_propensity__values.data as Float64Array),
  };
}

/** A graph computes both branches of a `choose`: what fails in one ends the request (docs/guides/stock-triton.md), which is not compared here. */
const lenient = (kind: Choice["first"]): Choice["first"] => (kind === "strict" ? "tower" : kind);

test("a graph answers what the kernels answer, for random ensembles with every operator", async () => {
  const lowered = new Set<string>();
  const refused = new Set<string>();
  await fc.assert(
    fc.asyncProperty(choice, fc.array(user, { minLength: 1, maxLength: 5 }), async (of, users) => {
      // Many of a user's features are texts, which graphs do not change; `stages.test.ts` tests the operators of workflows separately.
      const branches = { first: lenient(of.first), second: lenient(of.second) };
      const made = randomEnsemble({ ...of, ...branches, facts: [], kept: false, lag: false }, folder);
      const whole = expandFused(made.plan);
      // Draws have random numbers of their own in a graph: `operators/shared/onnx/mixed-draw.test.ts` compares their distributions.
      const plan = { ...whole, steps: whole.steps.map(step => withoutChance(step) ?? step) };
      const onnx = graphOf(plan, made.models);
      if (typeof onnx === "string") {
        for (const [, why] of onnx.matchAll(/can't be lowered to ONNX: (.*)/g)) refused.add(why!.slice(0, 40));
        return;
      }
      for (const { op } of plan.steps) lowered.add(op);
      // Tensors of a graph have no nulls.
      const columns = requestColumns(users.map(one => ({ ...one, town: one.town ?? "" })));
      const executable = await preparePlan(fittedPlan(plan), { folder, models: ortModels(made.models) });
      const session = await ort.InferenceSession.create(onnx, { logSeverityLevel: 3, intraOpNumThreads: 1 });
      try {
        const asked = await Promise.resolve()
          .then(() => executable.run(columns, { seed: 7n, parameters: new Map() }))
          .catch((error: Error) => error);
        if (asked instanceof Error) {
          expect(asked.message).toMatch(/has no entity with .* what `age` of an unknown entity becomes/);
          await expect(session.run(feeds(plan, columns))).rejects.toThrow();
          return;
        }
        const rows = readable(asked.columns);
        const graph = answered(await session.run(feeds(plan, columns)));
        expect(graph.ids).toEqual(rows.map(row => row.ordered_ids));
        // Without chance, each of them is 1.
        expect(graph.propensities).toEqual(rows[0]?.list_propensity && rows.map(row => row.list_propensity));
        graph.scores.forEach((row, i) => {
          row.forEach((score, j) => {
            expect(score).toBeCloseTo((rows[i]!.ordered_scores as readonly number[])[j]!, 4);
          });
        });
      } finally {
        await executable.close();
        await session.release();
      }
    }),
    {
      numRuns: 40,
      seed: 23,
      examples: EACH.map(each => [{ ...BASE, ...each }, fc.sample(user, { numRuns: 5, seed: 3 })] as [Choice, User[]]),
    },
  );
  const stages =
    "queryFeast transformWorkflow predictOnnx predictForest predictImplicit queryFaiss queryEmbedding explode choose mergeCandidates lookupCandidates filterCandidates filter lambdaOp boost unrollFeatures softmaxSampling epsilonGreedy topK limitPerGroup mixScores diversify shadow";
  expect(stages.split(" ").filter(op => !lowered.has(op))).toEqual([]);
  expect([...refused].sort()).toEqual([
    "a response names its arm in a parameter,",
    "it leaves late sources out, and a graph ",
    "it takes another branch when one fails o",
    "it unites the lists of all keys of `lice",
    "the Bloom filters in `seen` are base64 t",
  ]);
}, 240_000);
