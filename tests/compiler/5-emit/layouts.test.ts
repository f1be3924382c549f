/** Both layouts of one plan, served: the same answers, to the byte. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lower } from "#compiler/4-plan/lower.js";
import { optimise } from "#compiler/4-plan/passes.js";
import { build, compile, LAYOUTS, printDiagnostics } from "#compiler/index.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { serve } from "#runtime/server/index.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
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

  test("names the ensemble and the step of a fault", async () => {
    const [executor, ensemble] = (await ask("recommend", [tensor("user_id", "int64", [0, 1], [])])) as {
      error: string;
    }[];
    expect(ensemble).toEqual(executor);
  });
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
