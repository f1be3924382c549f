/**
 * A test that uses a program or a built file without declaring the need fails, and the message names the missing import. A machine with
 * everything installed would hide the omission. Runs before each test file; checks the processes and workers that it starts.
 */
import childProcess, { ChildProcess } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { basename, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import workerThreads from "node:worker_threads";
import { expect, inject } from "vitest";
import { needsReader, ROOT } from "./graph.mjs";

const PROGRAMS: Readonly<Record<string, string>> = {
  "redis-server": "redis",
  openssl: "openssl",
  strace: "strace",
  java: "java",
  chromium: "chromium",
  "chromium-browser": "chromium",
  "google-chrome": "chromium",
  python: "python",
  python3: "python",
};
const DIST = join(ROOT, "dist") + sep;
/** The output of the set-up's compiler. */
const NATIVE = ["build", "node_modules/faiss-node"].map(path => join(ROOT, path) + sep);
const SITE = join(ROOT, ".cache", "docs") + sep;
const SCRIPTS = join(ROOT, "tests") + sep;

/** The test file that runs, with its declared needs. Files that share a process share the checks, which are put in place once. */
interface Running {
  file: string;
  declared: ReadonlySet<string>;
}
const RUNNING = Symbol.for("merlon tests: the running file");
const inProcess = globalThis as { [RUNNING]?: Running };
const isFirst = inProcess[RUNNING] === undefined;
inProcess[RUNNING] ??= { file: "", declared: new Set() };
const running = inProcess[RUNNING];
running.file = relative(ROOT, expect.getState().testPath!);
running.declared = new Set(inject("needs")[running.file]);

/** @returns needs of a command line, each with the word that shows it */
function* needsOf(words: readonly unknown[]): Generator<readonly [need: string, word: string]> {
  const [command, ...rest] = words.map(word =>
    word instanceof URL && word.protocol === "file:" ? fileURLToPath(word) : String(word).replace(/^file:\/\//, ""),
  );
  if (command === process.env.MERLON_LAB_PYTHON) yield ["lab", command!];
  else if (command === process.env.MERLON_TEST_PYTHON) yield ["python", command!];
  else if (command === process.env.MERLON_TEST_KAFKA) yield ["kafka", command!];
  else if (process.env.MERLON_TEST_PYTHONS?.includes(JSON.stringify(command))) yield ["pythons", command!];
  else if (Object.hasOwn(PROGRAMS, command!)) yield [PROGRAMS[command!]!, command!];
  else if (command!.startsWith("/usr/") && PROGRAMS[basename(command!)] === "chromium") yield ["chromium", command!];
  for (const word of [command!, ...rest]) {
    if (word.includes(DIST) || NATIVE.some(folder => word.startsWith(folder))) yield ["built", relative(ROOT, word)];
    else if (word.startsWith(SITE)) yield ["site", relative(ROOT, word)];
    else if (word.startsWith(SCRIPTS) && word.endsWith(".mjs"))
      for (const need of needsReader()(word)) yield [need, relative(ROOT, word)];
  }
}

function check(words: readonly unknown[]): void {
  const { file, declared } = running;
  for (const [need, word] of needsOf(words))
    if (!declared.has(need))
      throw new Error(
        `${file} uses ${word}, and does not declare that: import from \`tests/needs/${need}.ts\`, so that \`npm test -- ${file}\` sets it up`,
      );
}

interface Spawned {
  spawn(this: ChildProcess, options: { file: string; args?: readonly string[] }): unknown;
}
function guardProcess(): void {
  const prototype = ChildProcess.prototype as unknown as Spawned;
  const { spawn } = prototype;
  // `spawn`, `fork`, `exec` and `execFile` all call this; `args` begins with the command.
  prototype.spawn = function (options) {
    check([options.file, ...(options.args ?? []).slice(1)]);
    return spawn.call(this, options);
  };
  for (const name of ["spawnSync", "execFileSync"] as const) {
    const original = childProcess[name] as (...args: unknown[]) => unknown;
    Object.assign(childProcess, {
      [name]: (command: string, args?: unknown, ...rest: unknown[]) => {
        check([command, ...(Array.isArray(args) ? args : [])]);
        return original(command, args, ...rest);
      },
    });
  }
  const { Worker } = workerThreads;
  workerThreads.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      if (!args[1]?.eval) check([args[0]]);
      super(...args);
    }
  };
  const { dlopen } = process;
  process.dlopen = (module: object, path: string, ...rest: []) => {
    if (NATIVE.some(folder => path.startsWith(folder))) check(["node", path]);
    dlopen.call(process, module, path, ...rest);
  };
  syncBuiltinESMExports();
}

if (isFirst) guardProcess();
