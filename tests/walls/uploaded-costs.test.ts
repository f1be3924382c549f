/**
 * ONNX models of load requests run in processes of their own, and so do models whose cost depends on values. A run ends with its client. Its
 * memory has a bound, and a crash ends nothing else.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { OnnxSession } from "#runtime/server/backends/onnx-run.js";
import { openApart } from "#runtime/server/backends/onnx-session.js";
import { grpcClient } from "../reliability/support.js";
import { familyOf } from "../run/workers.js";
import { repository, startServer } from "../runtime/server/support.js";
import { folded, iterations, zeros } from "./support/costly-models.js";

/** Iterations that take minutes. */
const ENDLESS = 2e8;
/** Numbers that take 2.4 GB, above the bound of a small file and below the memory of any machine that tests. */
const MANY = 300_000_000;
const WITHIN = { timeout: 30_000 };
const CONFIG = {
  backend: "onnxruntime",
  input: [{ name: "X", data_type: "TYPE_INT64", dims: [1] }],
  output: [{ name: "Y", data_type: "TYPE_INT64", dims: [1] }],
};

let server: Awaited<ReturnType<typeof startServer>>;
let rpc: ReturnType<typeof grpcClient>;
beforeAll(async () => {
  const folder = repository(["echo_int32"], {
    "own/config.pbtxt": 'backend: "onnxruntime" instance_group [ { kind: KIND_CPU count: 1 } ]',
    "own/1/model.onnx": iterations(),
  });
  server = await startServer(folder, { modelControlMode: "explicit", loadModels: ["own"] });
  rpc = grpcClient(server.ports.grpc!);
});
afterAll(async () => {
  rpc.close();
  await server.stop();
});

const upload = (model: string, file: Buffer, more: object = {}) =>
  server.post(`/v2/repository/models/${model}/load`, {
    parameters: {
      config: JSON.stringify({ ...CONFIG, ...more }),
      "file:1/model.onnx": file.toString("base64"),
    },
  });
const request = (x: number) => ({ inputs: [{ name: "X", datatype: "INT64", shape: [1], data: [x] }] });
const infer = (model: string, x: number, signal?: AbortSignal) =>
  server.json(`/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify(request(x)),
    ...(signal && { signal }),
  });
const answered = (y: number) => ({ status: 200, body: { outputs: [{ data: [y] }] } });

/** Processes of sessions, by the time that they have computed, in hundredths of a second. */
function sessions(): ReadonlyMap<number, number> {
  const times = familyOf(process.pid).flatMap(pid => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("onnx-child.js")) return [];
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").split(" ");
      return [[pid, Number(fields[11])] as const];
    } catch {
      return [];
    }
  });
  return new Map(times);
}

/** The process that has begun to compute more than it did. */
async function computing(before = sessions()): Promise<number> {
  let found: number | undefined;
  await vi.waitFor(() => {
    found = [...sessions()].find(([pid, time]) => time > (before.get(pid) ?? 0) + 20)?.[0];
    expect(found).toBeDefined();
  }, WITHIN);
  return found!;
}

const hasEnded = (pid: number) => vi.waitFor(() => expect(sessions().has(pid)).toBe(false), WITHIN);

test.each(["uploaded", "own"])(
  "a run ends with its client, and others are served meanwhile: %s",
  async model => {
    if (model === "uploaded") expect((await upload(model, iterations())).status).toBe(200);
    expect(await infer(model, 4)).toMatchObject(answered(10));
    const leaves = new AbortController();
    const before = sessions();
    const endless = infer(model, ENDLESS, leaves.signal);
    endless.catch(() => {});
    const pid = await computing(before);
    expect((await server.json("/v2/health/live")).status).toBe(200);
    leaves.abort();
    await expect(endless).rejects.toThrow();
    await hasEnded(pid);
    expect(await infer(model, 4)).toMatchObject(answered(10));
  },
  60_000,
);

test("a deadline ends a run, and a request that waited for the instance is answered", async () => {
  expect((await upload("late", iterations(), { instance_group: [{ count: 1, kind: "KIND_CPU" }] })).status).toBe(200);
  const before = sessions();
  const raw = (x: number) => ({
    model_name: "late",
    inputs: [{ name: "X", datatype: "INT64", shape: [1] }],
    raw_input_contents: [new Uint8Array(BigInt64Array.of(BigInt(x)).buffer)],
  });
  const late = rpc.infer(raw(ENDLESS), 3000);
  const pid = await computing(before);
  const waits = rpc.infer(raw(4));
  expect((await late).code).toBe(4);
  expect((await waits).code).toBe(0);
  await hasEnded(pid);
}, 60_000);

test("memory of a run and of folded constants has a bound, and the next run is answered", async () => {
  expect((await upload("zeros", zeros())).status).toBe(200);
  for (let i = 0; i < 2; i++) {
    expect(await infer("zeros", MANY)).toMatchObject({
      status: 500,
      body: { error: expect.stringMatching(/ConstantOfShape node.*; model 'zeros' may take 1024 MiB/s) },
    });
    expect(await infer("zeros", 4)).toMatchObject(answered(4));
  }
  const { status } = await upload("folded", folded(BigInt(MANY)));
  // ONNX Runtime leaves out what it can't fold, and computes it in each run.
  if (status === 200)
    expect(await infer("folded", 4)).toMatchObject({
      status: 500,
      body: { error: expect.stringContaining("ConstantOfShape") },
    });
}, 60_000);

test("a process that ends by itself fails its run alone, and the next one starts after a time", async () => {
  expect((await upload("ends", iterations())).status).toBe(200);
  const before = sessions();
  const endless = infer("ends", ENDLESS);
  process.kill(await computing(before), "SIGSEGV");
  expect(await endless).toMatchObject({
    status: 500,
    body: { error: expect.stringContaining("the process of model 'ends' was ended by SIGSEGV") },
  });
  expect(await infer("ends", 4)).toMatchObject({
    status: 503,
    body: { error: expect.stringMatching(/model 'ends' is not run.* starts again in \d\.\d s/) },
  });
  await vi.waitFor(async () => expect(await infer("ends", 4)).toMatchObject(answered(10)), WITHIN);
  expect(server.log.join("")).toContain("the process of model 'ends' was ended by SIGSEGV");
}, 60_000);

test("the number of processes has a bound: another one takes the place of the longest idle one", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "merlon-many-")), "model.onnx");
  writeFileSync(file, iterations());
  const order = { model: "the model", memory: 2 ** 30, file, options: {} };
  const opened: OnnxSession[] = [];
  try {
    for (let i = 0; i < 17; i++) opened.push(await openApart(order, 1));
    await vi.waitFor(() => expect(sessions().size).toBeLessThanOrEqual(16), WITHIN);
    const run = (session: OnnxSession) => session.run({ X: new ort.Tensor("int64", [4n], [1]) }, ["Y"]);
    for (const session of [opened[0]!, opened[16]!])
      expect((await run(session)).Y!.data).toEqual(BigInt64Array.of(10n));
    await vi.waitFor(() => expect(sessions().size).toBeLessThanOrEqual(16), WITHIN);
  } finally {
    await Promise.all(opened.map(session => session.release()));
  }
}, 120_000);
