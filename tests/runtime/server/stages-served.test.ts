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
import { printManifest, readManifest } from "#formats/folders/manifest.js";
import { python } from "../../needs/python.js";
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
