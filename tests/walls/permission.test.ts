/**
 * `merlon serve` under Node's permission model, with the flags that docs/guides/security.md names. It serves, and code of the server and of models reads,
 * writes and starts nothing else.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { builtFile } from "../needs/built.js";
import { ROOT } from "../run/graph.mjs";
import { repository } from "../runtime/server/support.js";

const config = (name: string): string => `
name: "${name}" backend: "javascript" max_batch_size: 0
input [ { name: "X" data_type: TYPE_STRING dims: [1] } ]
output [ { name: "Y" data_type: TYPE_STRING dims: [-1] } ]`;

/** Tries actions on X that the flags don't allow, and returns the codes of the errors. */
const TRIES = `
  import { readFileSync, writeFileSync } from "node:fs";
  import { spawnSync } from "node:child_process";
  import { Worker } from "node:worker_threads";
  const tries = {
    read: file => readFileSync(file),
    write: file => writeFileSync(file, "written"),
    own: file => writeFileSync(import.meta.filename, ""),
    start: file => { const { error } = spawnSync(process.execPath, ["-v"]); if (error) throw error; },
  };
  const codeOf = (act, file) => { try { act(file); return "done"; } catch (error) { return error.code; } };
  export const execute = requests => requests.map(({ inputs: { X } }) => ({
    outputs: [{ name: "Y", datatype: "BYTES", shape: [4], data: Object.values(tries).map(act => codeOf(act, X.data[0])) }],
  }));`;

async function serve(flags: readonly string[], models: string) {
  const ports = ["http", "grpc", "metrics"].flatMap(name => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
  const child = spawn(process.execPath, [
    ...flags,
    builtFile("bin/merlon.cjs"),
    "serve",
    `--model-repository=${models}`,
    ...ports,
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", text => (output += text));
  const ended = once(child, "exit");
  await vi.waitFor(
    () => {
      if (child.exitCode === null) expect(output).toContain("Started Metrics Service");
    },
    { timeout: 60_000, interval: 50 },
  );
  const port = /Started HTTPService at 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
  const infer = async (model: string, inputs: readonly object[]) => {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/models/${model}/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs }),
    });
    return (await answer.json()) as { outputs?: { name: string; data: unknown[] }[]; error?: string };
  };
  const stop = async () => {
    child.kill("SIGTERM");
    return (await ended)[0] as number | null;
  };
  return { infer, stop, output: () => output };
}

const allowed = (models: string): string[] => [
  "--permission",
  // Lines of Node that have it keep code from the network without it.
  ...(process.allowedNodeEnvironmentFlags.has("--allow-net") ? ["--allow-net"] : []),
  ...[ROOT, models].map(folder => `--allow-fs-read=${join(folder, "/")}`),
];

test("a model's code reads, writes and starts nothing beyond the flags", async () => {
  const secret = join(mkdtempSync(join(tmpdir(), "merlon-secret-")), "secret");
  writeFileSync(secret, "do not read");
  const models = repository([], { "tries/config.pbtxt": config("tries"), "tries/1/model.mjs": TRIES });
  const X = [{ name: "X", shape: [1], datatype: "BYTES", data: [secret] }];

  const free = await serve([], models);
  expect((await free.infer("tries", X)).outputs?.[0]?.data).toEqual(["done", "done", "done", "done"]);
  expect(await free.stop()).toBe(0);

  writeFileSync(join(models, "tries", "1", "model.mjs"), TRIES);
  const walled = await serve([...allowed(models), "--allow-worker"], models);
  expect((await walled.infer("tries", X)).outputs?.[0]?.data).toEqual(Array(4).fill("ERR_ACCESS_DENIED"));
  expect(await walled.stop()).toBe(0);
});

test("the shop's repository, with ONNX Runtime, FAISS and SQLite, needs addons and workers", async () => {
  const models = join(ROOT, "model-repo");
  const server = await serve([...allowed(models), "--allow-addons", "--allow-worker"], models);
  const answer = await server.infer("recommend", [{ name: "user_id", shape: [1, 1], datatype: "INT64", data: [1] }]);
  expect(answer.error).toBeUndefined();
  expect(answer.outputs?.length).toBeGreaterThan(0);
  expect(await server.stop()).toBe(0);
});
