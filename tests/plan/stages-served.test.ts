// Stages of a served ensemble: told in metrics, statistics and spans; independent branches overlap; an index, a workflow and a model are replaced under load
// and every request is answered.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { build, compile } from "#compiler/index.js";
import { preparePlan } from "#runtime/plan/execute.js";
import { parsePlan } from "#triton-protos/plan.js";
import { column } from "#triton-protos/schema.js";
import { python } from "../clients/python.js";
import { scalars } from "../kernels/step.js";
import { startServer } from "../server/support.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-stages-"));
const repository = join(folder, "repository");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const compiled = await compile(join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, repository);
}, 60_000);

const body = {
  inputs: [{ name: "user_id", shape: [2], datatype: "INT64", data: [1, 2] }],
  parameters: { seed: 5 },
};
interface Answer {
  readonly error?: string;
  readonly outputs?: readonly { readonly name: string; readonly data: readonly number[] }[];
}

/** `[2]` for a model without a batch dimension, `[2, 1]` with one. */
async function asker(server: Awaited<ReturnType<typeof startServer>>) {
  const { body: config } = await server.json("/v2/models/recommend/config");
  const { max_batch_size } = config as { readonly max_batch_size: number };
  const inputs = body.inputs.map(input => ({ ...input, shape: max_batch_size > 0 ? [2, 1] : [2] }));
  return async () => server.post("/v2/models/recommend/infer", { ...body, inputs });
}

test("metrics, statistics and spans tell of each stage", async () => {
  const received: Buffer[] = [];
  const receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    received.push(Buffer.concat(chunks));
    response.end();
  });
  await new Promise<void>(resolve => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  const settings = [
    "rate=1",
    "level=TIMESTAMPS",
    "mode=opentelemetry",
    `opentelemetry,url=127.0.0.1:${port}/v1/traces`,
  ];
  const { trace } = serveOptions(["--model-repository=x", ...settings.flatMap(text => ["--trace-config", text])]);
  const server = await startServer(repository, { trace: trace! });
  const ask = await asker(server);
  for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
  const labels = 'model="recommend",stage="retrieval.queryFaiss",version="1"';
  expect(metrics).toContain(`merlon_stage_duration_seconds_count{${labels}} 3`);
  expect(metrics).toContain(`merlon_stage_rows_total{direction="in",${labels}} 6`);
  expect(metrics).toContain(`merlon_stage_rows_total{direction="out",${labels}} 120`);
  expect(metrics).toMatch(
    /merlon_stage_duration_seconds_bucket\{le="\+Inf",model="recommend",stage="[^"]+",version="1"\} 3/,
  );
  // Models without stages have none of these.
  expect(metrics).not.toMatch(/merlon_stage\w+\{[^}]*model="recommend_/);
  const { body: stats } = await server.json("/v2/models/recommend/stats");
  const [model] = (stats as { readonly model_stats: readonly { readonly stages: readonly object[] }[] }).model_stats;
  expect(model!.stages).toContainEqual(
    expect.objectContaining({ name: "retrieval.queryFaiss", op: "queryFaiss", rows_in: 6, rows_out: 120 }),
  );
  await server.stop();
  receiver.close();
  const script = new URL("../tracing/read_otlp.py", import.meta.url).pathname;
  const spans = JSON.parse(execFileSync(python(), [script], { input: received[0]!, encoding: "utf8" })) as {
    readonly name: string;
    readonly parent: string;
    readonly span: string;
    readonly attributes: Readonly<Record<string, string | number>>;
  }[];
  const compute = spans.find(span => span.name === "compute")!;
  const stage = spans.find(span => span.name === "merlon.stage retrieval.queryFaiss");
  expect(stage?.attributes).toMatchObject({ "merlon.stage.op": "queryFaiss" });
  expect(Number(stage?.attributes["merlon.stage.rows_in"])).toBe(2);
  expect(Number(stage?.attributes["merlon.stage.rows_out"])).toBe(40);
  expect(stage?.parent).toBe(compute.span);
}, 60_000);

test("branches that do not need each other overlap", async () => {
  const predict = (id: string) => ({
    id,
    op: "predictOnnx",
    label: id,
    params: { path: "m.onnx", model: id, inputs: { x: "x" }, outputs: { score: "score" } },
    inputs: { input: [{ name: "x", step: "request", column: "x" }] },
    outputs: [column("score", "float32")],
  });
  const document = {
    ...{ format: "merlon/plan", version: 1, kind: "ensemble", name: "two", inputs: [column("x", "float32")] },
    steps: [predict("a"), predict("b")],
    outputs: ["a", "b"].map(step => ({ ref: { name: step, step, column: "score" }, schema: column(step, "float32") })),
  };
  const asked: string[] = [];
  const open: (() => void)[] = [];
  const tensor = { name: "score", datatype: "FP32" as const, shape: [1], data: new Uint8Array(4) };
  const executable = await preparePlan(parsePlan(JSON.stringify(document), "plan.json"), {
    folder: ".",
    models: {
      describe: async () => ({
        inputs: [{ name: "x", datatype: "FP32", shape: [-1] }],
        outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
      }),
      // Each waits until the other has been asked too: one after the other, this would never end.
      infer: async model => {
        asked.push(model);
        await new Promise<void>(resolve => {
          open.push(resolve);
          if (open.length === 2) for (const go of open) go();
        });
        return [tensor];
      },
    },
  });
  const { runs } = await executable.run(new Map([["x", scalars("float32", [1])]]), { seed: 1n, parameters: new Map() });
  expect(asked).toEqual(["a", "b"]);
  const [a, b] = runs as [(typeof runs)[number], (typeof runs)[number]];
  expect(Math.max(a.began, b.began)).toBeLessThanOrEqual(Math.min(a.ended, b.ended));
});

test("a new index, workflow and model under load: every request is answered", async () => {
  const server = await startServer(repository, { modelControlMode: "explicit", loadModels: ["*"] });
  const ask = await asker(server);
  const first = (await ask()).body as Answer;
  let loading = true;
  let answered = 0;
  const faults: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (loading) {
      const { status, body: answer } = await ask();
      if (status === 200) answered++;
      else faults.push(answer);
      expect(answer).toEqual(first);
    }
  };
  const lanes = [lane(), lane(), lane()];
  try {
    for (let round = 0; round < 3; round++)
      for (const model of ["recommend_ranker", "recommend_query_tower", "recommend"]) {
        // A file that is new is a model that is new.
        cpSync(join(repository, model), join(folder, "again", model), { recursive: true });
        cpSync(join(folder, "again", model), join(repository, model), { recursive: true });
        const { status, body: said } = await server.post(`/v2/repository/models/${model}/load`, {});
        expect(`${status} ${JSON.stringify(said)}`).toMatch(/^200/);
      }
  } finally {
    loading = false;
    await Promise.all(lanes);
    await server.stop();
  }
  expect(faults).toEqual([]);
  expect(answered).toBeGreaterThan(20);
}, 120_000);
