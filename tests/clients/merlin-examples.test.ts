/**
 * Merlin's own examples, rewritten (tests/samples/merlin-*), in both layouts: valid configurations for Triton's message, and equal
 * responses. Under Merlin's names they also answer requests that Merlin's own client made (tests/oracles/merlin).
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, compile, LAYOUTS, type Layout, type Names, printDiagnostics } from "#compiler/index.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { serve } from "#runtime/server/index.js";
import { type Answer, askBinary } from "../compiler/ask-binary.js";
import { tensor } from "../runtime/server/served-plan.js";
import { runPython } from "./python.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const EXAMPLES = ["multi-stage", "workflow-model", "workflow-forest", "session"] as const;
type Example = (typeof EXAMPLES)[number];
const folder = mkdtempSync(join(tmpdir(), "merlon-merlin-"));
const running: Awaited<ReturnType<typeof serve>>[] = [];
afterAll(async () => {
  for (const server of running) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(repositories: readonly string[]): Promise<number> {
  const http = { address: "127.0.0.1", port: 0 };
  const server = await serve({
    modelRepositories: repositories,
    http,
    grpc: false,
    metrics: false,
    writeLog: () => {},
  });
  running.push(server);
  return server.ports.http!;
}

const repository = (layout: Layout, names: Names, example: Example) => join(folder, layout, names, example);
beforeAll(async () => {
  for (const example of EXAMPLES) {
    const compiled = await compile(join(SAMPLES, `merlin-${example}`, "main.ensemble.ts"));
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    for (const layout of LAYOUTS)
      for (const names of ["merlon", "merlin"] as const)
        build(compiled, repository(layout, names, example), { layout, names });
  }
}, 60_000);

const floats = (name: string, rows: readonly number[], column = true) =>
  tensor(name, "float32", column ? [rows.length, 1] : [rows.length], rows);
const ids = (name: string, rows: readonly number[]) => tensor(name, "int64", [rows.length, 1], rows.map(BigInt));

const REQUESTS: Readonly<Record<Example, readonly (readonly Tensor[])[]>> = {
  "multi-stage": [[ids("user_id", [1])], [ids("user_id", [2, 1, 2])]],
  "workflow-model": [[floats("age", [31, Number.NaN]), tensor("city", "string", [2, 1], ["Ghent", "Nowhere"])]],
  "workflow-forest": [
    [
      ids("user_id", [1, 2, 9]),
      ids("item_id", [12, 10, 11]),
      tensor("city", "string", [3, 1], ["Ghent", "Oslo", "?"]),
      floats("price", [1, 7.5, -2]),
    ],
  ],
  session: [
    [
      tensor("session__values", "int64", [5], [11n, 40n, 12n, 13n, 20n]),
      tensor("session__offsets", "int32", [3], [0, 2, 5]),
    ],
  ],
};

describe("both layouts answer the same", () => {
  const ports = new Map<Layout, number>();
  beforeAll(async () => {
    for (const layout of LAYOUTS)
      ports.set(layout, await start(EXAMPLES.map(example => repository(layout, "merlon", example))));
  });
  test.each(EXAMPLES)("%s", async example => {
    for (const request of REQUESTS[example]) {
      const model = example.replace("-", "_");
      const [executor, ensemble] = await Promise.all(
        LAYOUTS.map(layout => askBinary(ports.get(layout)!, model, request, { seed: 3 })),
      );
      expect(executor).not.toHaveProperty("error");
      expect(ensemble).toEqual(executor);
    }
  });
});

test("every configuration is one that Triton's own message and protobuf's text format take", async () => {
  const report = (await runPython("parse_configs.py", [folder])) as Record<string, [string, string, number]>;
  expect(Object.keys(report).length).toBeGreaterThan(40);
  for (const [file, [name]] of Object.entries(report)) expect(file.split("/").at(-2)).toBe(name);
  expect(report["ensemble/merlin/multi-stage/ensemble_model/config.pbtxt"]).toEqual(["ensemble_model", "ensemble", 10]);
  expect(report["executor/merlin/session/executor_model/config.pbtxt"]).toEqual(["executor_model", "merlon", 0]);
});

interface Recorded {
  readonly name: string;
  readonly model: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: Tensor["datatype"];
    readonly shape: string[];
    readonly hex: string;
  }[];
  readonly outputs: readonly string[];
}
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/merlin/requests.json"), "utf8"),
) as Recorded[];

describe("a request of Merlin's client, as it was recorded", () => {
  test.each(recorded.map((request, i) => [i, request.name, request] as const))("%i: %s", async (_, name, request) => {
    const example = name.replace("_", "-") as Example;
    const tensors = request.inputs.map(
      ({ name: input, datatype, shape, hex }): Tensor => ({
        name: input,
        datatype,
        shape: shape.map(Number),
        data: Buffer.from(hex, "hex"),
      }),
    );
    expect(request.model).toBe("executor_model");
    const ask = async (layout: Layout, model: string, outputs?: readonly string[]): Promise<Answer> =>
      askBinary(await start([repository(layout, "merlin", example)]), model, tensors, { seed: 3 }, outputs);
    const executor = (await ask("executor", request.model, request.outputs)) as Record<
      string,
      [string, number[], string]
    >;
    expect(Object.keys(executor)).toEqual([...request.outputs].sort());
    const users = name === "session" ? 2 : tensors[0]!.shape[0];
    // One matrix: users, and the longest row.
    for (const output of request.outputs) expect(executor[output]![1]).toEqual([users, expect.any(Number)]);
    expect(await ask("ensemble", "ensemble_model", request.outputs)).toEqual(executor);
  });
});
