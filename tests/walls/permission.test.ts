/**
 * `merlon serve` under Node's permission model, with the flags that docs/guides/security.md names. It serves, and code of the server and of models reads,
 * writes and starts nothing else.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { thisMachine } from "#cli/serve-workers.js";
import { builtFile } from "../needs/built.js";
import { ROOT } from "../run/graph.mjs";
import { untilWritten } from "../run/wait.js";
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

interface Start {
  /** Flags of the server. */
  readonly words?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

function start(flags: readonly string[], models: string, { words = [], env = {} }: Start = {}) {
  const ports = ["http", "grpc", "metrics"].flatMap(name => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
  const program = [builtFile("bin/merlon.cjs"), "serve", `--model-repository=${models}`, ...ports, ...words];
  const child = spawn(process.execPath, [...flags, ...program], { env: { ...process.env, ...env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", text => (output += text));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return { child, ended, output: () => output };
}

async function serve(flags: readonly string[], models: string, more: Start = {}) {
  const { child, ended, output: written } = start(flags, models, more);
  await untilWritten(child, written, /Started Metrics Service/);
  const output = written();
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
    return await ended;
  };
  return { infer, stop, output: written };
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

/** A temporary folder for a server, with a path that is short enough for sockets. */
function socketFolder() {
  const folder = join(mkdtempSync("/tmp/merlon-ws-"), "/");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, env: { TMPDIR: folder }, flags: [`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`] };
}
const PROCESSES = ["--allow-worker", "--allow-child-process"];
const tries = (): string => repository([], { "tries/config.pbtxt": config("tries"), "tries/1/model.mjs": TRIES });

test("two workers need child processes, and a folder for their sockets", async () => {
  const secret = join(mkdtempSync(join(tmpdir(), "merlon-secret-")), "secret");
  writeFileSync(secret, "do not read");
  const { env, flags } = socketFolder();
  const models = tries();
  const server = await serve([...allowed(models), ...PROCESSES, ...flags], models, { words: ["--workers=2"], env });
  expect(server.output()).toContain("in each of 2 workers");
  // Models run in the workers, which have the flags of the control process.
  const denied = Array(3).fill("ERR_ACCESS_DENIED");
  const X = [{ name: "X", shape: [1], datatype: "BYTES", data: [secret] }];
  expect((await server.infer("tries", X)).outputs?.[0]?.data).toEqual([...denied, "done"]);
  expect(await server.stop()).toBe(0);
});

test("two workers without the folder are refused, with the missing flags", async () => {
  const { folder, env, flags } = socketFolder();
  const models = tries();
  const refused = async (more: NodeJS.ProcessEnv, missing: readonly string[]) => {
    const started = start([...allowed(models), ...PROCESSES], models, { words: ["--workers=2"], env: more });
    expect(await started.ended).toBe(1);
    const sentence = `2 workers need ${missing.join(" ")} under Node's permission model; --workers 1 does not`;
    expect(started.output()).toContain(sentence);
  };
  await refused(env, flags);
  // In a folder with a long path, sockets would have too long ones.
  const long = join(folder, "l".repeat(60));
  mkdirSync(long);
  await refused({ TMPDIR: long }, ["--allow-fs-read=/tmp/", "--allow-fs-write=/tmp/"]);
});

test("the default is one worker without the folder, and a note names the missing flags", async () => {
  const { env, flags } = socketFolder();
  const models = tries();
  // The default has a worker for each 512 MiB.
  const more = { words: ["--memory-limit=2GB"], env };
  const one = await serve([...allowed(models), ...PROCESSES], models, more);
  const note = `note: 1 worker: under Node's permission model, more than one needs ${flags.join(" ")} too\n`;
  const { processors } = thisMachine();
  expect(one.output().includes(note)).toBe(processors > 1);
  expect(one.output()).not.toMatch(/in each of \d+ workers/);
  expect(await one.stop()).toBe(0);

  const several = await serve([...allowed(models), ...PROCESSES, ...flags], models, more);
  expect(several.output()).not.toContain("note:");
  expect(/in each of \d+ workers/.test(several.output())).toBe(processors > 1);
  expect(await several.stop()).toBe(0);
});
