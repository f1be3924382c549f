// Lowered graphs by ONNX's own checker and by ONNX Runtime in Python, draws by their distribution, and refusals.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { contextOf } from "#compiler/5-emit/onnx/lower-plan.js";
import { releaseOf } from "#compiler/5-emit/onnx/triton-models.js";
import { build } from "#compiler/index.js";
import { finishGraph } from "#compiler/onnx/finish-graph.js";
import { graphBuilder } from "#compiler/onnx/graph-builder.js";
import { inlineModel } from "#compiler/onnx/inline-model.js";
import { OP_CHANGES } from "#compiler/onnx/op-changes.js";
import type { AnyStep } from "#contract/plan.js";
import { bytesMember, message, stringField } from "#formats/bytes/wire-writer.js";
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

test("a draw has the softmax's distribution", async () => {
  const file = join(folder, "draw.ensemble.ts");
  const index = join(ROOT, "tests/samples/artefacts/index/items.faiss");
  writeFileSync(
    file,
    `import { ensemble, queryFaiss, softmaxSampling, source } from "merlon";
const request = source({ query: "float32[4]" });
const found = request["query"] >> queryFaiss(${JSON.stringify(index)}, { topk: 4, includeDistances: true });
export default ensemble("draw", (found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 1, temperature: -0.05 })) + (found["candidate_ids"]) + found["candidate_distances"]);
`,
  );
  const program = await compiledProgram(file);
  build(program, join(folder, "draw"), { triton: { freeze: freezeFeatures, fuse: true } });
  const session = await ort.InferenceSession.create(join(folder, "draw/draw/1/model.onnx"), { logSeverityLevel: 3 });
  const draws = 8000;
  const answer = await session.run({
    query: new ort.Tensor(
      "float32",
      Float32Array.from({ length: draws * 4 }, (_, i) => [1, 0.5, 0.25, 0][i % 4]!),
      [draws, 4],
    ),
  });
  const ids = Array.from(answer.candidate_ids!.data as BigInt64Array).slice(0, 4);
  const weights = Array.from((answer.candidate_distances!.data as Float32Array).slice(0, 4), d => Math.exp(-0.05 * d));
  const sum = weights.reduce((a, b) => a + b, 0);
  const drawn = answer.ordered_ids!.data as BigInt64Array;
  ids.forEach((id, i) => {
    const expected = weights[i]! / sum;
    const share = drawn.filter(x => x === id).length / draws;
    // Five standard deviations.
    expect(Math.abs(share - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / draws));
  });
}, 60_000);

test("two ensembles in one process draw independently", async () => {
  const file = join(folder, "two.ensemble.ts");
  const index = join(ROOT, "tests/samples/artefacts/index/items.faiss");
  const draws = 8000;
  const query = new ort.Tensor("float32", new Float32Array(draws * 4).fill(0.5), [draws, 4]);
  const drawnBy = async (name: string): Promise<readonly number[]> => {
    writeFileSync(
      file,
      `import { ensemble, queryFaiss, softmaxSampling, source } from "merlon";
const request = source({ query: "float32[4]" });
const found = request["query"] >> queryFaiss(${JSON.stringify(index)}, { topk: 4, includeDistances: true });
export default ensemble("${name}", found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 1, temperature: -0.05 }));
`,
    );
    build(await compiledProgram(file), join(folder, "two"), { triton: { freeze: freezeFeatures, fuse: true } });
    const session = await ort.InferenceSession.create(join(folder, `two/${name}/1/model.onnx`), {
      logSeverityLevel: 3,
    });
    return Array.from((await session.run({ query })).ordered_ids!.data as BigInt64Array, Number);
  };
  const [first, second] = [await drawnBy("first"), await drawnBy("second")];
  const share = (of: readonly number[], id: number) => of.filter(x => x === id).length / draws;
  const expected = [...new Set(first)].reduce((sum, id) => sum + share(first, id) * share(second, id), 0);
  const alike = first.filter((id, i) => id === second[i]).length / draws;
  // Six standard deviations of independent draws; from the same numbers all would be alike.
  expect(Math.abs(alike - expected)).toBeLessThan(6 * Math.sqrt((expected * (1 - expected)) / draws));
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
  const none = (): never => {
    throw new Error("not asked for");
  };
  const contextWith = (g: ReturnType<typeof graphBuilder>) =>
    contextOf(g, {} as AnyStep, {
      release: releaseOf("24.01"),
      form: "unbatched",
      ivf: "probe",
      file: none,
      feast: none,
      model: none,
      note: none,
    });
  const model = (opset: number, node: Parameters<typeof printOnnxModel>[0]["nodes"][number]) =>
    printOnnxModel({
      name: "m",
      opsets: { "": opset },
      inputs: [{ name: "x", dtype: "float32", shape: ["n", 4] }],
      outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
      nodes: [node],
      constants: { w: { dtype: "float32", shape: [4], values: [1, 2, 3, 4] } },
    });
  const inline = (bytes: Uint8Array, times = 1) => {
    const g = graphBuilder();
    let value = g.input("x", "float32", ["n", 4]);
    const context = contextWith(g);
    for (let i = 0; i < times; i++) {
      const made = inlineModel(context, { bytes, path: "m.onnx", label: "m" }, new Map([["x", value]])).get("y")!;
      g.output(`y${i}`, made, ["n", 4]);
      value = g.op("Neg", [value], "float32");
    }
    return finishGraph(g, "g", releaseOf("24.01"));
  };

  test("twice the same: names are unique, constants are shared", async () => {
    const { onnx } = inline(model(17, { op: "Mul", inputs: ["x", "w"], outputs: ["y"] }), 2);
    const session = await ort.InferenceSession.create(onnx);
    const answer = await session.run({ x: new ort.Tensor("float32", Float32Array.of(1, 1, 1, 1), [1, 4]) });
    expect([answer.y0!.data, answer.y1!.data]).toEqual([Float32Array.of(1, 2, 3, 4), Float32Array.of(-1, -2, -3, -4)]);
    expect(Buffer.from(onnx).toString("latin1").match(/m\/w/g)?.length).toBe(3);
  });
  test("a reduction of an older opset is rewritten", async () => {
    const { onnx } = inline(
      model(13, {
        op: "ReduceMean",
        inputs: ["x"],
        outputs: ["y"],
        attributes: { axes: { ints: [1] }, keepdims: { int: 0 } },
      }),
    );
    const session = await ort.InferenceSession.create(onnx);
    expect((await session.run({ x: new ort.Tensor("float32", Float32Array.of(1, 2, 3, 6), [1, 4]) })).y0!.data).toEqual(
      Float32Array.of(3),
    );
  });
  test("a newer opset than the release reads, and an operator that has changed since, are refused by name", () => {
    expect(() => inline(model(22, { op: "Neg", inputs: ["x"], outputs: ["y"] }))).toThrowError(
      /needs opset 22 \(`m.onnx` was exported with opset 22\), and Triton 24.01 .* reads up to 19/,
    );
    expect(() => inline(model(12, { op: "Softmax", inputs: ["x"], outputs: ["y"] }))).toThrowError(
      /`m.onnx` uses `Softmax` of opset 12, which means something else in opset 18/,
    );
  });
  test("control flow is refused with a way out", () => {
    const branch = bytesMember(5, message(stringField(1, "then_branch"), bytesMember(6, stringField(2, "inner"))));
    const raw = message(stringField(1, "x"), stringField(2, "y"), stringField(4, "If"), branch);
    expect(() => inline(model(17, { raw }))).toThrowError(/`m.onnx` has control flow \(`If`\).*Build without `--fuse`/);
  });
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
  test("the changes of operators are those of the schemas", () => {
    const oracle = JSON.parse(readFileSync(join(ROOT, "tests/oracles/onnx/op-changes.json"), "utf8")) as {
      changes: unknown;
    };
    expect(OP_CHANGES).toEqual(oracle.changes);
  });
});
