/**
 * `merlon diff`: bits, ULP and tolerance; the first stage that differs, inside a plan and along an ensemble. Also the commands.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { createTestServer } from "#runtime/testing/index.js";
import { compareTensors, ulpsBetween } from "#runtime/testing/recordings/compare-tensors.js";
import { diff } from "#runtime/testing/recordings/diff.js";
import { openDiffTarget } from "#runtime/testing/recordings/diff-target.js";
import { record } from "#runtime/testing/recordings/record.js";
import { MERLON } from "../../../needs/built.js";
import { untilWritten } from "../../../run/wait.js";
import { withoutManifests } from "../../../walls/support/by-hand.js";
import { repository } from "../../server/support.js";
import { readCassette } from "./read-cassette.js";

const MODEL_REPO = fileURLToPath(new URL("../../../../model-repo", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "merlon-diff-"));

const floats = (...values: number[]) => ({
  name: "y",
  datatype: "FP32",
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

test("tensors are compared by bits, by ULP or within a tolerance", () => {
  const one = floats(1, 0, 5);
  const near = floats(1.0000001192092896, -0, 5);
  expect(compareTensors(one, one, { kind: "bits" })).toBeUndefined();
  expect(compareTensors(one, near, { kind: "bits" })).toMatchObject({
    count: 2,
    of: 3,
    maxUlp: 1,
    text: "element [0]: 1 and 1.0000001192092896",
  });
  expect(compareTensors(one, near, { kind: "ulp", ulp: 1 })).toBeUndefined();
  expect(compareTensors(one, floats(1.001, 0, 5), { kind: "tolerance", relative: 1e-2, absolute: 0 })).toBeUndefined();
  expect(compareTensors(one, floats(1.001, 0, 5), { kind: "tolerance", relative: 1e-4, absolute: 0 })).toMatchObject({
    count: 1,
  });
  expect(compareTensors(one, { ...one, shape: [1, 3] }, { kind: "bits" })).toMatchObject({
    text: "shape [3] and [1,3]",
  });
  expect(compareTensors(floats(Number.NaN), floats(-Number.NaN), { kind: "ulp", ulp: 0 })).toBeUndefined();
  expect([ulpsBetween(1, -1, 4), ulpsBetween(0, -0, 8), ulpsBetween(2 ** -149, 0, 4)]).toEqual([2 * 0x3f800000, 0, 1]);
});

async function recordOf(folder: string, name: string, ask: (url: string) => Promise<void>): Promise<string> {
  await using server = await createTestServer(folder);
  const out = join(scratch, `${name}.cassette`);
  const recording = await record({ grpc: `grpc://${server.grpc}`, out });
  await ask(`grpc://127.0.0.1:${recording.ports.grpc}`);
  await recording.stop();
  return out;
}

test("a plan that orders otherwise differs at that stage, and not before", async () => {
  const changed = join(scratch, "changed");
  cpSync(MODEL_REPO, changed, { recursive: true });
  withoutManifests(changed);
  const file = join(changed, "recommend", "1", "plan.json");
  const plan = JSON.parse(readFileSync(file, "utf8"));
  plan.steps.find(({ op }: { op: string }) => op === "softmaxSampling").params.temperature = 1;
  writeFileSync(file, JSON.stringify(plan));
  const cassette = await recordOf(MODEL_REPO, "recommend", async url => {
    await using client = await connect(url);
    await client.infer("recommend", { user_id: [[512300022n]] }, { parameters: { seed: 5 } });
  });
  const { exchanges } = await readCassette(cassette);
  const same = [await openDiffTarget(cassette), await openDiffTarget(MODEL_REPO)] as const;
  expect((await diff(exchanges, same, { kind: "bits" })).map(({ differences }) => differences.length)).toEqual([0]);
  const other = [same[1], await openDiffTarget(changed)] as const;
  const [result] = await diff(exchanges, other, { kind: "bits" });
  expect(result!.differences.map(({ name }) => name)).toContain("ordered_ids");
  expect(result!.stage).toMatchObject({ name: "ordering.softmaxSampling" });
  for (const target of [...same, other[1]]) await target.close();

  // The same with two running servers, over either protocol: they report the output of each step.
  await using here = await createTestServer(MODEL_REPO);
  await using there = await createTestServer(changed);
  for (const sides of [
    [here.grpc, there.http],
    [here.http, there.grpc],
  ]) {
    const running = [await openDiffTarget(sides[0]!), await openDiffTarget(sides[1]!)] as const;
    const [seen] = await diff(exchanges, running, { kind: "bits" });
    expect(seen).toEqual(result);
    const stages = (await running[0].stages(exchanges[0]!)).map(({ stage }) => stage);
    expect(stages).toEqual(plan.steps.map(({ label }: { label: string }) => label));
    for (const target of running) await target.close();
  }
});

test("an ensemble is walked from outside: the member that answers otherwise is named", async () => {
  const io = (a: string, b: string) =>
    `input [ { name: "${a}" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "${b}" data_type: TYPE_FP32 dims: [1] } ]`;
  const member = (rule: string) =>
    `backend: "mock" ${io("X", "Y")} parameters { key: "mock" value { string_value: '{"outputs":{"Y":${rule}}}' } }`;
  const files = (first: string) => ({
    "first/config.pbtxt": member(first),
    "first/1/.keep": "",
    "second/config.pbtxt": member('"echo"'),
    "second/1/.keep": "",
    "both/config.pbtxt": `platform: "ensemble" ${io("IN", "OUT")} ensemble_scheduling { step [
      { model_name: "first" model_version: -1 input_map { key: "X" value: "IN" } output_map { key: "Y" value: "mid" } },
      { model_name: "second" model_version: -1 input_map { key: "X" value: "mid" } output_map { key: "Y" value: "OUT" } } ] }`,
    "both/1/.keep": "",
  });
  const folders = [repository([], files('{"constant":1}')), repository([], files('{"constant":2}'))] as const;
  const cassette = await recordOf(folders[0], "ensemble", async url => {
    await using client = await connect(url);
    await client.infer("both", { IN: [5] });
  });
  await using a = await createTestServer(folders[0]);
  await using b = await createTestServer(folders[1]);
  const targets = [await openDiffTarget(a.grpc), await openDiffTarget(b.http)] as const;
  const [result] = await diff((await readCassette(cassette)).exchanges, targets, { kind: "bits" });
  for (const target of targets) await target.close();
  expect(result).toMatchObject({
    differences: [{ name: "OUT", text: "element [0]: 1 and 2" }],
    stage: { name: "first", difference: { name: "mid" } },
  });
});

function merlon(args: readonly string[]) {
  const child = spawn(process.execPath, [MERLON, ...args]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const ended = new Promise<number | null>(resolve => child.on("exit", resolve));
  const matched = async (pattern: RegExp): Promise<string> => (await untilWritten(child, () => text, pattern))[1]!;
  return { child, ended, until: matched, text: () => text };
}

test("record, serve --replay --fault, serve --mock-missing and diff, as commands", async () => {
  const config = `backend: "python" input [ { name: "X" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "Y" data_type: TYPE_FP32 dims: [1] } ]`;
  const folder = repository([], { "m/config.pbtxt": config, "m/mock.json": '{"outputs":{"Y":"echo"}}' });
  const ports = [
    "--http-port=0",
    "--grpc-port=0",
    "--metrics-port=0",
    "--http-address=127.0.0.1",
    "--grpc-address=127.0.0.1",
  ];
  const ask = async (port: string, x: number) => {
    const body = JSON.stringify({ inputs: [{ name: "X", shape: [1], datatype: "FP32", data: [x] }] });
    return (await fetch(`http://127.0.0.1:${port}/v2/models/m/infer`, { method: "POST", body })).json();
  };
  const server = merlon(["serve", "--model-repository", folder, "--mock-missing", ...ports]);
  const http = await server.until(/HTTPService at 127.0.0.1:(\d+)/);
  const out = join(scratch, "commands.cassette");
  const recorder = merlon(["record", "--target", `http://127.0.0.1:${http}`, "--out", out]);
  expect(await ask(await recorder.until(/HTTP 127.0.0.1:(\d+)/), 3)).toMatchObject({ outputs: [{ data: [3] }] });
  recorder.child.kill("SIGINT");
  expect(await recorder.ended).toBe(0);
  expect(recorder.text()).toContain("1 requests are in");
  const same = merlon(["diff", out, `http://127.0.0.1:${http}`]);
  expect(await same.ended, same.text()).toBe(0);
  expect(same.text()).toContain("✔ 1 requests, the same answers");
  server.child.kill("SIGTERM");
  await server.ended;
  const replay = merlon(["serve", "--replay", out, "--fault", "m:error=UNAVAILABLE,times=1", ...ports]);
  const port = await replay.until(/HTTPService at 127.0.0.1:(\d+)/);
  expect(await ask(port, 3)).toEqual({ error: "Request timeout expired" });
  expect(await ask(port, 3)).toMatchObject({ outputs: [{ data: [3] }] });
  replay.child.kill("SIGTERM");
  expect(await replay.ended).toBe(0);
  writeFileSync(join(folder, "m/mock.json"), '{"outputs":{"Y":{"constant":4}}}');
  const lost = merlon(["diff", out, folder]);
  expect(await lost.ended).toBe(1);
  expect(lost.text()).toContain("can't be served");
  const wrong = merlon(["serve", "--model-repository", folder, "--fault", "m:explode"]);
  expect(await wrong.ended).toBe(1);
  expect(wrong.text()).toContain('fault "m:explode": there is no fault `explode`');
}, 120_000);
