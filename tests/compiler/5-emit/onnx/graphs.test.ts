// Lowered graphs by ONNX's own checker and by ONNX Runtime in Python, draws by their distribution, and refusals.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { build } from "#compiler/index.js";
import type { AnyStep } from "#contract/plan.js";
import { OnnxTooLargeError, printOnnxModel } from "#formats/onnx/onnx-model.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { python } from "../../../needs/python.js";
import { compiledProgram } from "./both-servers.js";

const ROOT = join(import.meta.dirname, "../../../..");
const folder = mkdtempSync(join(tmpdir(), "merlon-graphs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("graphs are what ONNX's checker takes, tensors what their configurations say, and Python answers the same", async () => {
  const program = await compiledProgram(join(ROOT, "examples/shop/recommend.ensemble.ts"));
  const steps = program.plan.steps.map(
    (step): AnyStep => (step.op === "softmaxSampling" ? { ...step, params: { ...step.params, mode: "greedy" } } : step),
  );
  const greedy = { ...program, plan: { ...program.plan, steps } };
  for (const fuse of [true, false])
    build(greedy, join(folder, fuse ? "fused" : "steps"), { triton: { freeze: freezeFeatures, fuse } });
  const users = [512300022, 512300042, 1];
  const report = JSON.parse(
    execFileSync(
      python(),
      [
        join(import.meta.dirname, "check_graphs.py"),
        JSON.stringify(users),
        join(folder, "fused"),
        join(folder, "steps"),
      ],
      { encoding: "utf8" },
    ),
  ) as { graphs: number; tensors: number; ids: number[][]; scores: number[][] };
  expect([report.graphs, report.tensors > 40]).toEqual([11, true]);
  const session = await ort.InferenceSession.create(join(folder, "fused/recommend/1/model.onnx"));
  const answer = await session.run({ user_id: new ort.Tensor("int64", BigInt64Array.from(users, BigInt), [3, 1]) });
  expect(Array.from(answer.ordered_ids!.data as BigInt64Array, Number)).toEqual(report.ids.flat());
  report.scores.flat().forEach((score, i) => {
    expect(answer.ordered_scores!.data[i]).toBeCloseTo(score, 5);
  });
  const frozen = JSON.parse(readFileSync(join(folder, "fused/recommend/1/frozen.json"), "utf8")) as {
    views: unknown[];
  };
  expect(frozen.views).toEqual([
    expect.objectContaining({
      view: "user_features",
      entities: 1114,
      newest: "2020-04-01T00:00:00.000Z",
      expires: null,
    }),
    expect.objectContaining({ view: "item_features", entities: 900 }),
  ]);
}, 120_000);

describe("models that are inlined into a graph", () => {
  test("a table beyond 2 GB is refused before it is written", () => {
    const values = { length: 600_000_000 } as ArrayLike<number>;
    expect(() =>
      printOnnxModel({
        name: "big",
        opsets: { "": 18 },
        inputs: [],
        outputs: [],
        nodes: [],
        constants: { t: { dtype: "float32", shape: [600_000_000], values } },
      }),
    ).toThrowError(OnnxTooLargeError);
  });
});
