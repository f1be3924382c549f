// Lowered graphs by ONNX's own checker and by ONNX Runtime in Python, draws by their distribution, and refusals.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("a graph that draws has one instance, since sessions of one process draw alike", async () => {
  const file = join(folder, "alike.ensemble.ts");
  const index = join(ROOT, "tests/samples/artefacts/index/items.faiss");
  const built = async (name: string, fuse: boolean, options = "{}") => {
    writeFileSync(
      file,
      `import { ensemble, queryFaiss, softmaxSampling, source } from "merlon";
const request = source({ query: "float32[4]" });
const found = request["query"] >> queryFaiss(${JSON.stringify(index)}, { topk: 4, includeDistances: true });
const drawn = found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 1, temperature: -0.05 });
export default ensemble("draw", drawn, ${options});
`,
    );
    const { notes } = build(await compiledProgram(file), join(folder, name), {
      triton: { freeze: freezeFeatures, fuse },
    });
    return notes.filter(note => note.includes("instances"));
  };
  const groups = (model: string) => {
    const config = readFileSync(join(folder, model, "config.pbtxt"), "utf8");
    return [...config.matchAll(/instance_group[^}]*}/g)].map(([text]) => [
      /count: (\d+)/.exec(text)?.[1],
      /KIND_\w+/.exec(text)?.[0] ?? "KIND_AUTO",
    ]);
  };
  expect(await built("alone", true)).toEqual([]);
  expect(groups("alone/draw")).toEqual([["1", "KIND_AUTO"]]);
  const model = join(folder, "alone/draw/1/model.onnx");
  const users = 200;
  const query = new ort.Tensor("float32", new Float32Array(users * 4).fill(0.5), [users, 4]);
  const drawnBy = async () => {
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
    return (await session.run({ query })).ordered_ids!.data;
  };
  // The reason: if this fails, ONNX Runtime seeds sessions differently, and any number of instances is possible.
  expect(await drawnBy()).toEqual(await drawnBy());
  const four = `{ instanceGroups: [{ count: 4, kind: "cpu" }] }`;
  expect(await built("four", true, four)).toEqual([
    expect.stringContaining("its model has one instance instead of those in `instanceGroups`"),
  ]);
  expect(groups("four/draw")).toEqual([["1", "KIND_CPU"]]);
  expect(await built("alike-steps", false, four)).toHaveLength(1);
  const stages = readdirSync(join(folder, "alike-steps")).filter(name => groups(`alike-steps/${name}`).length > 0);
  expect(Object.fromEntries(stages.map(name => [name, groups(`alike-steps/${name}`)[0]![0]]))).toEqual({
    draw_drawn_softmaxSampling: "1",
    draw_found_queryFaiss: "4",
  });
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
