/**
 * All commands by how they end: Ctrl-C ends the long ones with the expected status and leaves no temporary folder. A reader that leaves
 * ends those that print much, without an error.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commands } from "#cli/commands.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { MERLON } from "../needs/built.js";
import { ROOT } from "../run/graph.mjs";
import { until, untilWritten } from "../run/wait.js";

const sample = (name: string): string => join(ROOT, "tests", "samples", name);
const ENSEMBLE = sample("ensemble-merge/main.ensemble.ts");
const place = mkdtempSync(join(tmpdir(), "merlon-every-command-"));
const at = (name: string): string => join(place, name);

let isOver = false;
const endless = defineModel({
  inputs: { x: "FP32[1]" },
  outputs: { y: "FP32[1]" },
  decoupled: true,
  async *answer() {
    for (let n = 0; !isOver; n++) {
      yield { y: [n] };
      await new Promise(setImmediate);
    }
  },
});
const twice = defineModel({
  inputs: { x: "FP32[1]" },
  outputs: { y: "FP32[1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data.map(v => 2 * v) }),
});

let server: AsyncDisposable & { readonly grpc: string; readonly http: string };
/** Takes connections and never responds. */
let silent: Server;
let connections = 0;
let fifo: number;
const silentUrl = (): string => `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;

beforeAll(async () => {
  server = await createTestServer({ models: { endless, twice } });
  silent = createServer(() => void connections++).listen(0, "127.0.0.1");
  await until("the silent server listens", () => silent.listening);
  // Its readers wait, since nothing is written. Without a writer, a reader that does not block finds it empty.
  execFileSync("mkfifo", [at("unwritten.csv")]);
  fifo = openSync(at("unwritten.csv"), "r+");
  cpSync(sample("artefacts/index/items.faiss"), at("items.faiss"));
  mkdirSync(at("changes"));
  writeFileSync(join(at("changes"), "1.txt"), "10\n");
  mkdirSync(at("models"));
  const head = { format: "merlon/cassette", version: 1, server: { name: "triton", version: "" } };
  const infer = {
    ...{ kind: "infer", protocol: "grpc", model: "twice", version: "", id: "", parameters: {}, headers: {} },
    inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }],
    ...{ outputs: [], stream: false, answers: [] },
  };
  writeFileSync(at("one.cassette"), `${JSON.stringify(head)}\n${JSON.stringify(infer)}\n`);
  writeFileSync(at("data.csv"), `a,b\n${Array.from({ length: 50 }, (_, i) => `${i},${i % 7}\n`).join("")}`);
}, 60_000);
afterAll(async () => {
  isOver = true;
  closeSync(fifo);
  await server[Symbol.asyncDispose]();
  silent.close();
});

interface Long {
  readonly args: () => readonly string[];
  /** Its output when it is at work, or a sign elsewhere. */
  readonly ready: RegExp | ((temporary: string) => boolean);
  /** Exit code, or the signal that ends it. */
  readonly ends: 0 | "SIGINT";
}
const isConnected = (): boolean => connections > 0;
const hasTemporary = (temporary: string): boolean => readdirSync(temporary).length > 0;
const NO_PORTS = ["--http-port=0", "--grpc-port=0", "--metrics-port=0", "--address=127.0.0.1"];

const LONG: Readonly<Record<string, Long>> = {
  "check --watch": { args: () => ["check", "--watch", ENSEMBLE], ready: /Watching \d+ files/, ends: 0 },
  "build --watch": {
    args: () => ["build", "--watch", ENSEMBLE, "--out", at("built")],
    ready: /Watching \d+ files/,
    ends: 0,
  },
  "typegen --server": {
    args: () => ["typegen", "--server", silentUrl(), "--out", at("models.ts")],
    ready: isConnected,
    ends: "SIGINT",
  },
  fit: {
    args: () => [
      ...["fit", sample("workflow-features/main.workflow.ts"), "--data", at("unwritten.csv")],
      ...["--out", at("fitted")],
    ],
    ready: hasTemporary,
    ends: "SIGINT",
  },
  stats: { args: () => ["stats", at("unwritten.csv")], ready: hasTemporary, ends: "SIGINT" },
  "index follow": {
    args: () => ["index", "follow", at("items.faiss"), "--folder", at("changes")],
    ready: /1\.txt \(0 upserts, 1 deletions\)/,
    ends: 0,
  },
  serve: {
    args: () => ["serve", "--model-repository", at("models"), ...NO_PORTS],
    ready: /Started Metrics Service/,
    ends: 0,
  },
  record: {
    args: () => ["record", "--target", server.http, "--out", at("empty.cassette")],
    ready: /Ctrl-C ends it/,
    ends: 0,
  },
  "diff with a program": {
    args: () => ["diff", ENSEMBLE, silentUrl(), "--requests", at("one.cassette")],
    ready: temporary => isConnected() && hasTemporary(temporary),
    ends: "SIGINT",
  },
  "client infer": { args: () => ["client", "infer", "m", "-u", silentUrl()], ready: isConnected, ends: "SIGINT" },
  "client stats --watch": {
    args: () => ["client", "stats", "--watch", "0.1", "-u", server.http],
    ready: /the last 0\.1 s/,
    ends: 0,
  },
  "client bench": {
    args: () => ["client", "bench", "twice", "x=1", "-c", "1,1,1", "-s", "0.2", "--warmup", "0", "-u", server.http],
    ready: /\S.*\n.*\S.*\n/,
    ends: "SIGINT",
  },
  "client stream": {
    args: () => ["client", "stream", "endless", "x=1", "-u", `grpc://${server.grpc}`],
    ready: /#2 /,
    ends: 0,
  },
};

/** Commands whose work ends with their input. They hold temporary files as `fit` and `stats` do, or none. */
const BOUNDED = [
  ...[
    "explain",
    "tsc",
    "migrate",
    "transform",
    "verify",
    "import",
    "predict",
    "stamp",
    "embedding",
    "bloom",
    "candidates",
  ],
  ...["vectors", "feast", "feedback", "experiment", "evaluate", "doctor", "completion"],
];

test("each command is among the long ones or the others", () => {
  const long = new Set(Object.keys(LONG).map(name => name.split(" ")[0]!));
  expect([...long, ...BOUNDED].sort()).toEqual(
    commands()
      .map(command => command.name())
      .sort(),
  );
});

describe("Ctrl-C", () => {
  test.each(Object.entries(LONG))("%s", { timeout: 60_000 }, async (_, { args, ready, ends }) => {
    const temporary = mkdtempSync(join(tmpdir(), "merlon-every-command-"));
    connections = 0;
    const child = spawn(process.execPath, [MERLON, ...args()], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
    const ended = once(child, "exit");
    if (ready instanceof RegExp) await untilWritten(child, () => text, ready);
    else
      await until(
        () => `at work, after ${text}`,
        () => ready(temporary) || child.exitCode !== null,
      );
    child.kill("SIGINT");
    expect(await ended, text).toEqual(ends === 0 ? [0, null] : [null, ends]);
    expect(text).not.toMatch(/Unhandled|Error:|\n {4}at /);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("a reader that leaves", () => {
  const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
    "--help": () => ["--help"],
    "client --help": () => ["client", "--help"],
    stats: () => ["stats", at("data.csv")],
    explain: () => ["explain", join(ROOT, "model-repo", "recommend")],
    check: () => ["check", ENSEMBLE],
    "index info": () => ["index", "info", sample("artefacts/index/items.faiss")],
    completion: () => ["completion", "bash"],
    "client models": () => ["client", "models", "-u", server.http],
    "client stream": () => ["client", "stream", "endless", "x=1", "-u", `grpc://${server.grpc}`],
  };
  test.each(Object.entries(COMMANDS))("%s", { timeout: 60_000 }, async (_, args) => {
    const temporary = mkdtempSync(join(tmpdir(), "merlon-every-command-"));
    const child = spawn(process.execPath, [MERLON, ...args()], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let text = "";
    child.stderr.on("data", chunk => (text += chunk));
    const [status] = await once(child, "exit");
    // 141 is what SIGPIPE ends a program with; what was written before the reader left may have been all.
    expect(text).toBe("");
    expect([0, 141]).toContain(status);
    expect(readdirSync(temporary)).toEqual([]);
  });
});
