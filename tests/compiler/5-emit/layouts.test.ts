/** Both layouts of one plan, served: the same answers, to the byte. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lower } from "#compiler/4-plan/lower.js";
import { optimise } from "#compiler/4-plan/passes.js";
import { canBatch } from "#compiler/5-emit/configs.js";
import { build, compile, LAYOUTS, printDiagnostics } from "#compiler/index.js";
import type { Plan } from "#contract/plan.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { serve } from "#runtime/server/index.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { requestOf } from "../../runtime/server/sample-request.js";
import { tensor } from "../../runtime/server/served-plan.js";
import { type Answer, askBinary } from "../ask-binary.js";
import { instruction, randomProgram } from "../random-program.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-layouts-"));
const servers: Awaited<ReturnType<typeof serve>>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Serves each layout's repositories, and sends both the same requests. */
async function serveBoth(
  roots: readonly string[],
): Promise<(model: string, tensors: readonly Tensor[]) => Promise<Answer[]>> {
  const local = { address: "127.0.0.1", port: 0 };
  const both = await Promise.all(
    LAYOUTS.map(layout =>
      serve({
        modelRepositories: roots.map(root => join(root, layout)),
        http: local,
        grpc: false,
        metrics: false,
        writeLog: () => {},
      }),
    ),
  );
  servers.push(...both);
  return (model, tensors) => Promise.all(both.map(({ ports }) => askBinary(ports.http!, model, tensors, { seed: 11 })));
}

const users = (...ids: number[]) => [tensor("user_id", "int64", [ids.length, 1], ids.map(BigInt))];

describe("the shop", () => {
  const root = join(folder, "shop");
  const out = (layout: string) => join(root, layout);
  let ask: Awaited<ReturnType<typeof serveBoth>>;
  beforeAll(async () => {
    const compiled = await compile(join(import.meta.dirname, "../../../examples/shop/recommend.ensemble.ts"));
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    for (const layout of LAYOUTS) build(compiled, out(layout), { layout });
    ask = await serveBoth([root]);
  });

  test.each([
    ["one user", [512300022]],
    ["a batch, a stranger among them", [512300022, 512300042, 1, 512300091]],
  ])("answers the same: %s", async (_, ids) => {
    const [executor, ensemble] = await ask("recommend", users(...ids));
    expect(Object.keys(executor!)).toEqual(["ordered_ids", "ordered_scores"]);
    expect(ensemble).toEqual(executor);
  });

  test("schedules one model per step, and the query tower as it is", () => {
    const entry = parseModelConfig(readFileSync(join(out("ensemble"), "recommend", "config.pbtxt"), "utf8"), "entry");
    expect([entry.platform, entry.backend, entry.max_batch_size]).toEqual(["ensemble", "", 128]);
    expect(entry.ensemble_scheduling?.step.map(step => step.model_name)).toEqual([
      "recommend_user_queryFeast",
      "recommend_query_transformWorkflow",
      "recommend_query_tower",
      "recommend_retrieval_queryFaiss",
      "recommend_filtering_filterCandidates",
      "recommend_items_queryFeast",
      "recommend_pairs_unrollFeatures",
      "recommend_ranking_transformWorkflow",
      "recommend_ranking_predictOnnx",
      "recommend_ordering_softmaxSampling",
      "recommend_answer",
    ]);
    const tensors = (model: string) => {
      const { input, output } = parseModelConfig(
        readFileSync(join(out("ensemble"), model, "config.pbtxt"), "utf8"),
        model,
      );
      return [input, output].map(side => side.map(({ name, dims }) => [name, ...dims].join(" ")));
    };
    expect(tensors("recommend_filtering_filterCandidates")).toEqual([
      [
        "candidate_ids__values -1",
        "purchased_ids__values -1",
        "purchased_ids__offsets -1",
        "purchased_ids__validity -1",
        "candidate_ids__offsets -1",
      ],
      ["filtered_ids__values -1", "filtered_ids__offsets -1"],
    ]);
    expect(tensors("recommend_answer")[1]).toEqual(["ordered_ids -1 -1", "ordered_scores -1 -1"]);
  });

  test("names the ensemble and the step of a fault", async () => {
    const [executor, ensemble] = (await ask("recommend", [tensor("user_id", "int64", [0, 1], [])])) as {
      error: string;
    }[];
    expect(ensemble).toEqual(executor);
  });
});

describe("names that meet", () => {
  const program = (answer: string) => {
    const file = join(folder, "names.ensemble.ts");
    const text = `import { clip, ensemble, logOp, rename, source } from "merlon";
const request = source({ a: "float32", b: "float32" });
export default ensemble("names", ${answer});
`;
    writeFileSync(file, text);
    return compile(file);
  };
  const refusal = async (answer: string, text: RegExp) => {
    const compiled = await program(answer);
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    const out = join(folder, "refused");
    expect(() => build(compiled, out, { layout: "ensemble" })).toThrowError(text);
    expect(existsSync(out)).toBe(false);
  };

  test("a column of the request is passed through; an unread one is accepted", async () => {
    const compiled = await program('request["a"] + (request["a"] >> logOp() >> rename({ name: "log_a" }))');
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    const root = join(folder, "names");
    for (const layout of LAYOUTS) build(compiled, join(root, layout), { layout });
    const ask = await serveBoth([root]);
    const [executor, ensemble] = await ask("names", [
      tensor("a", "float32", [2, 1], [1, 2]),
      tensor("b", "float32", [2, 1], [3, 4]),
    ]);
    expect(Object.keys(executor!)).toEqual(["a", "log_a"]);
    expect(ensemble).toEqual(executor);
  });

  test("an answer with the name of another request column is refused with a way out", () =>
    refusal('request["a"] >> logOp()', /`names` answers `a`, .*another column of that name.*rename the answer/));
  test("so is an ensemble that makes nothing", () => refusal("request", /needs a step that makes something/));
});

describe("steps that became one", () => {
  test("pass nulls on and measure each of the author's steps", async () => {
    const file = join(folder, "fused.ensemble.ts");
    writeFileSync(
      file,
      `import { clip, ensemble, fillMissing, lambdaOp, source } from "merlon";
const request = source({ a: "float64", b: "float64" });
const divided = request["a", "b"] >> lambdaOp((a, b) => (b > 0 ? a / b : null), { name: "ratio" });
const capped = divided >> clip({ max: 10 });
const doubled = capped >> fillMissing(-1) >> lambdaOp(ratio => ratio * 2, { name: "twice" });
export default ensemble("fused", capped + doubled);
`,
    );
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    expect(compiled.plan.steps.map(step => step.op)).toEqual(["fused"]);
    const root = join(folder, "fused");
    for (const layout of LAYOUTS) build(compiled, join(root, layout), { layout });
    const ask = await serveBoth([root]);
    const [executor, ensemble] = await ask("fused", [
      tensor("a", "float64", [4, 1], [1, 2, 300, Number.NaN]),
      tensor("b", "float64", [4, 1], [2, 0, 3, 1]),
    ]);
    expect(ensemble).toEqual(executor);
    const doubles = (name: string) => {
      const bytes = Buffer.from((executor as Exclude<Answer, { error: string }>)[name]![2], "hex");
      return Array.from({ length: 4 }, (_, i) => bytes.readDoubleLE(8 * i));
    };
    expect([doubles("ratio"), doubles("twice")]).toEqual([
      [0.5, Number.NaN, 10, Number.NaN],
      [1, -2, 20, -2],
    ]);
    const answer = await fetch(`http://127.0.0.1:${servers.at(-2)!.ports.http}/v2/models/fused/infer`, {
      method: "POST",
      body: JSON.stringify({
        parameters: { timings: true },
        inputs: ["a", "b"].map(name => ({ name, shape: [1, 1], datatype: "FP64", data: [1] })),
      }),
    });
    const { parameters } = (await answer.json()) as { parameters: Readonly<Record<string, number>> };
    expect(Object.keys(parameters).sort()).toEqual([
      "timing.capped.clip",
      "timing.divided.lambdaOp",
      "timing.doubled.fillMissing",
      "timing.doubled.lambdaOp",
    ]);
  });
});

describe("samples", () => {
  const SAMPLES = join(import.meta.dirname, "../../samples");
  const names = readdirSync(SAMPLES).filter(name => name.startsWith("ensemble-") && !name.endsWith("-method"));

  test("each answers the same in both layouts, or is refused with a reason", async () => {
    const built: { name: string; plan: Plan }[] = [];
    for (const name of names) {
      const compiled = await compile(
        join(SAMPLES, name, readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!),
      );
      if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
      const { plan } = compiled;
      build(compiled, join(folder, name, "executor"));
      try {
        build(compiled, join(folder, name, "ensemble"), { layout: "ensemble" });
        if (!built.some(b => b.plan.name === plan.name)) built.push({ name, plan });
      } catch (error) {
        expect([name, String(error)]).toEqual([name, expect.stringMatching(/uild with `--layout executor`/)]);
      }
    }
    expect(built.length).toBeGreaterThan(names.length / 2);
    const ask = await serveBoth(built.map(({ name }) => join(folder, name)));
    let answered = 0;
    for (const { name, plan } of built)
      for (const rows of [1, 3]) {
        const [executor, ensemble] = await ask(plan.name, requestOf(plan, canBatch(plan), rows));
        if ("error" in executor!) expect([name, faultOf(ensemble!)]).toEqual([name, faultOf(executor)]);
        else expect([name, ensemble]).toEqual([name, executor]);
        if (!("error" in executor!)) answered++;
      }
    expect(answered).toBe(2 * built.length);
  }, 60_000);
});

describe("random ensembles", () => {
  const PROGRAMS = 30;
  const root = join(folder, "random");
  const programs = fc.sample(fc.array(instruction, { minLength: 6, maxLength: 24 }), { numRuns: PROGRAMS, seed: 5 });
  let ask: Awaited<ReturnType<typeof serveBoth>>;
  beforeAll(async () => {
    for (const [i, instructions] of programs.entries()) {
      const name = `random_${i}`;
      const { graph, inferred } = randomProgram(instructions, { name, purchased: purchased(i), ownNames: true });
      const { plan } = optimise(lower(graph, inferred), new Set(i % 3 ? [] : (["pruneColumns"] as const)));
      for (const layout of LAYOUTS)
        build({ plan, graph, steps: inferred.steps }, join(root, String(i), layout), { layout });
    }
    ask = await serveBoth([...programs.keys()].map(i => join(root, String(i))));
  }, 60_000);

  test("answer the same in both layouts, one by one and in batches", async () => {
    let answered = 0;
    for (const i of programs.keys())
      for (const rows of [1, 4, ...(batched(i) ? [] : [0])]) {
        const [executor, ensemble] = await ask(`random_${i}`, request(rows, i));
        if ("error" in executor!) expect([i, rows, faultOf(ensemble!)]).toEqual([i, rows, faultOf(executor)]);
        else expect([i, rows, ensemble]).toEqual([i, rows, executor]);
        if (!("error" in executor!)) answered++;
      }
    expect(answered).toBeGreaterThan(PROGRAMS * 1.5);
  }, 60_000);

  const batched = (i: number): boolean => i % 2 === 0;
  const purchased = (i: number) => (batched(i) ? "int64[3]" : "list<int64>");

  function request(rows: number, i: number): Tensor[] {
    const each = <T>(make: (row: number) => T): T[] => Array.from({ length: rows }, (_, row) => make(row));
    const column = batchedShape(i, rows);
    return [
      tensor(
        "user_id",
        "int64",
        column,
        each(row => BigInt((row + i) % 5) + 1n),
      ),
      tensor(
        "a",
        "float32",
        column,
        each(row => (row === 2 ? Number.NaN : row * 1.5 - i)),
      ),
      tensor(
        "b",
        "int64",
        column,
        each(row => BigInt(row * 7 - i)),
      ),
      tensor(
        "c",
        "string",
        column,
        each(row => ["", "x", "yz", "ä"][(row + i) % 4]!),
      ),
      tensor(
        "d",
        "float64",
        column,
        each(row => row / 3 + i),
      ),
      ...(batched(i)
        ? [
            tensor(
              "purchased",
              "int64",
              [rows, 3],
              each(row => [row, i, 3])
                .flat()
                .map(BigInt),
            ),
          ]
        : [
            tensor(
              "purchased__values",
              "int64",
              [rows * 2],
              each(row => [row, 3])
                .flat()
                .map(BigInt),
            ),
            tensor("purchased__offsets", "int32", [rows + 1], [0, ...each(row => 2 * row + 2)]),
          ]),
      tensor("query", "float32", [rows, 4], each(row => [row, 1, -i, 0.5]).flat()),
    ];
  }
  // Two in three of the batched programs answer a list without a length, and have no batch dimension either.
  const batchedShape = (i: number, rows: number): number[] => (entryBatches(i) ? [rows, 1] : [rows]);
  const entryBatches = (i: number): boolean =>
    parseModelConfig(readFileSync(join(root, String(i), "executor", `random_${i}`, "config.pbtxt"), "utf8"), "entry")
      .max_batch_size > 0;
});

/** Without the front that says which ensemble. */
const faultOf = (answer: Answer): string =>
  "error" in answer ? String(answer.error).replace(/^in ensemble '\w+', /, "") : "none";
