// Stages of a served ensemble, in metrics, statistics, spans and Triton's trace file. Independent branches overlap. An index, a vocabulary
// and models are replaced under load, and every response is entirely the old or the new one.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { build, compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { printManifest, readManifest } from "#formats/folders/manifest.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { python } from "../../needs/python.js";
import { scalars } from "../../operators/step.js";
import { startServer } from "./support.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
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

/** `[2]` for a model without a batch dimension, `[2, 1]` with one. */
async function asker(server: Awaited<ReturnType<typeof startServer>>) {
  const { body: config } = await server.json("/v2/models/recommend/config");
  const { max_batch_size } = config as { readonly max_batch_size: number };
  const inputs = body.inputs.map(input => ({ ...input, shape: max_batch_size > 0 ? [2, 1] : [2] }));
  return async () => server.post("/v2/models/recommend/infer", { ...body, inputs });
}

test("metrics, statistics and spans include each stage", async () => {
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
  const script = new URL("./observe/tracing/read_otlp.py", import.meta.url).pathname;
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

test("Triton's trace file has each stage as it has a step of an ensemble: a trace of its own below the model's", async () => {
  const file = join(folder, "trace.json");
  const settings = ["rate=1", "level=TIMESTAMPS", `triton,file=${file}`];
  const { trace } = serveOptions(["--model-repository=x", ...settings.flatMap(text => ["--trace-config", text])]);
  const server = await startServer(repository, { trace: trace! });
  const ask = await asker(server);
  for (let i = 0; i < 2; i++) expect((await ask()).status).toBe(200);
  await server.stop();
  const entries = JSON.parse(readFileSync(file, "utf8")) as {
    readonly id: number;
    readonly model_name?: string;
    readonly parent_id?: number;
    readonly stage?: { readonly op: string; readonly rows_in: number; readonly rows_out: number };
    readonly timestamps?: readonly { readonly name: string; readonly ns: number }[];
  }[];
  const heads = entries.filter(entry => entry.model_name);
  expect(new Set(heads.map(head => head.id)).size).toBe(heads.length);
  const requests = heads.filter(head => head.model_name === "recommend");
  expect(requests).toHaveLength(2);
  const { steps } = parsePlan(readFileSync(join(repository, "recommend", "1", "plan.json"), "utf8"), "plan.json");
  for (const { id } of requests) {
    const stages = heads.filter(head => head.parent_id === id && head.stage);
    expect(stages.map(head => head.model_name).sort()).toEqual(steps.map(step => `recommend.${step.label}`).sort());
    const found = stages.find(head => head.stage!.op === "queryFaiss")!;
    expect(found.stage).toEqual({ op: "queryFaiss", rows_in: 2, rows_out: 40 });
    const stamps = (of: number) => entries.filter(entry => entry.id === of).flatMap(entry => entry.timestamps ?? []);
    const at = (of: number, name: string) => stamps(of).find(stamp => stamp.name === name)!.ns;
    for (const stage of stages) {
      expect(stamps(stage.id).map(({ name }) => name)).toEqual([
        ...["REQUEST_START", "COMPUTE_START", "COMPUTE_END", "REQUEST_END"],
      ]);
      expect(at(stage.id, "COMPUTE_START")).toBeGreaterThanOrEqual(at(id, "COMPUTE_START"));
      expect(at(stage.id, "COMPUTE_END")).toBeGreaterThanOrEqual(at(stage.id, "COMPUTE_START"));
      expect(at(stage.id, "COMPUTE_END")).toBeLessThanOrEqual(at(id, "COMPUTE_END"));
    }
  }
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
      // Each waits until the other has been called too: one after the other, this would never end.
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

/** The same file with other content: put in place in one step. */
function change(path: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  edit(bytes);
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
}

/** The manifest of a model as it is now. */
function manifestOf(folder: string): string {
  const { inPlace } = readManifest(folder)!;
  return printManifest(folder, { inPlace, without: new Set(inPlace.map(file => `${file}.check`)) });
}

/** The first weights of 256 bytes, field 9 of an ONNX tensor, with their signs turned. */
function turnSigns(bytes: Buffer): void {
  const at = bytes.indexOf(Buffer.of(0x4a, 0x80, 0x02)) + 3;
  for (let i = at; i < at + 256; i += 4) bytes.writeFloatLE(-bytes.readFloatLE(i), i);
}

test("another index, vocabulary and models under load: each answer is wholly the old or wholly the new one", async () => {
  const folderOf = join(repository, "recommend", "1");
  const cities = join(folderOf, "workflows", "artefacts-etl-user", "categories", "unique.city.arrow");
  /** Each undoes itself the second time. */
  const swaps: readonly (readonly [model: string, swap: () => void])[] = [
    // The ids of the index are at its end.
    [
      "recommend",
      () => change(join(folderOf, "indexes", "artefacts-index-items.faiss"), b => b.subarray(-320).reverse().swap64()),
    ],
    [
      "recommend",
      () =>
        change(cities, bytes => {
          const places = ["Ghent", "Turin"].map(city => bytes.indexOf(city));
          bytes.write("Turin", places[0]!);
          bytes.write("Ghent", places[1]!);
        }),
    ],
    ["recommend_ranker", () => change(join(repository, "recommend_ranker", "1", "model.onnx"), turnSigns)],
    ["recommend_query_tower", () => change(join(repository, "recommend_query_tower", "1", "model.onnx"), turnSigns)],
  ];
  const server = await startServer(repository, { modelControlMode: "explicit", loadModels: ["*"] });
  const ask = await asker(server);
  /** The response after each swap. */
  const states: string[] = [JSON.stringify((await ask()).body)];
  const answers: { readonly from: number; readonly to: number; readonly answer: string }[] = [];
  let swapping = true;
  const loop = async (): Promise<void> => {
    while (swapping) {
      const from = states.length - 1;
      const { status, body: answer } = await ask();
      answers.push({ from, to: states.length, answer: status === 200 ? JSON.stringify(answer) : `${status}` });
    }
  };
  const loops = [loop(), loop(), loop(), loop()];
  try {
    for (let round = 0; round < 4; round++)
      for (const [model, swap] of swaps) {
        swap();
        writeFileSync(join(repository, model, "manifest.json"), manifestOf(join(repository, model)));
        const { status, body: said } = await server.post(`/v2/repository/models/${model}/load`, {});
        expect(`${status} ${JSON.stringify(said)}`).toMatch(/^200/);
        states.push(JSON.stringify((await ask()).body));
      }
  } finally {
    swapping = false;
    await Promise.all(loops);
    await server.stop();
  }
  for (let i = 1; i < states.length; i++) expect(states[i], `swap ${i}`).not.toBe(states[i - 1]);
  expect(states[8]).toBe(states[0]);
  // A response may show a swap in progress or not; it shows finished ones, and none of the future.
  for (const { from, to, answer } of answers) expect(states.slice(from, to + 1)).toContain(answer);
  expect(answers.length).toBeGreaterThan(50);
  expect(new Set(answers.map(({ answer }) => answer)).size).toBeGreaterThan(4);
}, 120_000);
