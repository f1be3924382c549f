#!/usr/bin/env node
/**
 * `node tests/conformance/qa/walk.mjs CHECKOUT SUITE... [--client CHECKOUT] [--server COMMAND] [--work FOLDER] [--seconds N]`: runs suites
 * of a checkout of github.com/triton-inference-server/server by their own `test.sh` against this server, or another one, and prints the
 * results.
 *
 * Needs bash, curl, jq, and in QA_PYTHON (python3) a Python with numpy, onnx, ml_dtypes, psutil, pytest and tritonclient[all]. If `unshare`
 * may create a network namespace, the ports 8000 to 8002 of this machine needn't be free.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readChecks, readResult } from "./results.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: "string" },
    server: { type: "string" },
    work: { type: "string", default: join(tmpdir(), "merlon-qa") },
    seconds: { type: "string", default: "3600" },
  },
});
const [checkout, ...suites] = positionals;
if (!checkout || suites.length === 0) {
  process.stderr.write(
    "walk.mjs CHECKOUT SUITE... [--client CHECKOUT] [--server COMMAND] [--work FOLDER] [--seconds N]\n",
  );
  process.exit(2);
}
const here = fileURLToPath(new URL(".", import.meta.url));
const tree = fileURLToPath(new URL("../../..", import.meta.url));
const python = process.env.QA_PYTHON ?? "python3";
const VERSION = "walk";
const qa = join(flags.work, "qa");
const data = join(flags.work, "data", "inferenceserver", VERSION);

prepare();
let failed = false;
for (const suite of suites) failed = walk(suite) || failed;
process.exitCode = failed ? 1 : 0;

/** The tests' folder as in Triton's container, models, and a server under Triton's path. */
function prepare() {
  if (!existsSync(qa))
    spawnSync(python, [join(here, "assemble.py"), checkout, flags.work, ...(flags.client ? [flags.client] : [])], {
      stdio: "inherit",
    });
  if (!existsSync(data)) spawnSync("bash", [join(here, "models.sh"), qa, python, data], { stdio: "inherit" });
  for (const folder of ["bin", "opt/bin", "opt/backends"]) mkdirSync(join(flags.work, folder), { recursive: true });
  const own = `node --import ${join(here, "hook.mjs")} ${join(tree, "dist/bin/tritonserver.cjs")} --mock-stand-ins`;
  writeRunnable(join(flags.work, "opt/bin/tritonserver"), `#!/usr/bin/env bash\nexec ${flags.server ?? own} "$@"\n`);
  for (const name of ["python", "python3"])
    writeRunnable(join(flags.work, "bin", name), readFileSync(join(here, "python.sh"), "utf8"));
  for (const name of ["pip", "pip3"]) writeRunnable(join(flags.work, "bin", name), "#!/bin/sh\n");
  mkdirSync(join(qa, "clients"), { recursive: true });
  for (const protocol of ["http", "grpc"])
    writeRunnable(
      join(qa, "clients", `simple_${protocol}_infer_client`),
      `#!/bin/sh\nexec ${python} ${join(here, "simple_client.py")} ${protocol} "$@"\n`,
    );
}

function writeRunnable(file, text) {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

/** @returns whether a test failed */
function walk(suite) {
  // Beside the original suite, since test.sh writes into its folder and reaches others by "../".
  const folder = join(qa, `${suite}.run`);
  const results = join(flags.work, "results", suite);
  for (const old of [folder, results]) rmSync(old, { recursive: true, force: true });
  cpSync(join(qa, suite), folder, { recursive: true });
  for (const name of readdirSync(folder).filter(name => /\.(?:sh|py)$/.test(name))) relocate(join(folder, name), suite);
  standIn(folder);
  expectNoGpu(folder);
  mkdirSync(results, { recursive: true });
  const net = spawnSync("unshare", ["-n", "true"]).status === 0;
  const inside = `ip link set lo up 2>/dev/null; exec bash ${join(folder, "test.sh")} ${VERSION}`;
  const bash = net
    ? ["unshare", "-n", "-p", "-m", "--fork", "--mount-proc", "bash", "-c", inside]
    : ["bash", "-c", inside];
  const run = spawnSync("timeout", ["-k", "10", flags.seconds, ...bash], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    env: {
      ...process.env,
      PATH: `${join(flags.work, "bin")}:${join(flags.work, "opt/bin")}:${process.env.PATH}`,
      BASH_ENV: join(here, "prelude.sh"),
      QA_PYTHON: python,
      QA_RESULTS: results,
      TRITON_DIR: join(flags.work, "opt"),
      TRITON_SERVER_VERSION: process.env.TRITON_SERVER_VERSION ?? "2.73.0dev",
      SERVER_TIMEOUT: process.env.SERVER_TIMEOUT ?? "40",
      PYTHONPATH: join(qa, "common"),
    },
  });
  writeFileSync(join(results, "test.sh.log"), `${run.stdout ?? ""}${run.stderr ?? ""}`);
  const runs = readdirSync(results)
    .filter(name => name !== "test.sh.log")
    .sort()
    .map(name => readResult(readFileSync(join(results, name), "utf8")));
  // Its script judges itself, and calls a test file for a part of it.
  if (suite === "L0_model_config")
    runs.splice(0, runs.length, readChecks(readFileSync(join(folder, "client.log"), "utf8")));
  const sum = key => runs.reduce((total, result) => total + result[key].length, 0);
  const passed = sum("passed");
  process.stdout.write(
    `${suite}: ${passed} of ${passed + sum("failed")} passed, ${sum("skipped")} skipped${run.status === 124 ? ", out of time" : ""}\n`,
  );
  for (const { failed: tests } of runs) for (const { name, why } of tests) process.stdout.write(`  ${name}: ${why}\n`);
  const said = [...(run.stdout ?? "").matchAll(/^\*\*\* (.+)$/gm)].map(([, text]) => text);
  for (const text of new Set(said)) process.stdout.write(`  test.sh: ${text}\n`);
  return sum("failed") > 0;
}

/** The container's folders → this machine's; there is no GPU here, so that instances for one are the CPU's. */
function relocate(file, suite) {
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text
      .replaceAll(`/opt/tritonserver/qa/${suite}/`, join(qa, `${suite}.run/`))
      .replaceAll("/opt/tritonserver/qa", qa)
      .replaceAll("/opt/tritonserver", join(flags.work, "opt"))
      .replaceAll("/opt/ml", join(flags.work, "opt/ml"))
      // An edit of a GPU's line is also applied to a CPU's line beside it.
      .replace(/^(?!.*s\/kind: KIND_GPU\/).*$/gm, line => line.replaceAll("KIND_GPU", "KIND_CPU"))
      .replaceAll("/data/inferenceserver", join(flags.work, "data", "inferenceserver")),
  );
}

/** A suite's expectations for a machine with a GPU → for one without. */
function expectNoGpu(folder) {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/(?:^|\/)expected(?:\.\d+)?$/.test(name)) continue;
    const file = join(folder, name);
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      text.replaceAll("kind: KIND_GPU", "kind: KIND_CPU").replace(/^ *gpus: (?:0|\[ *0 *\])\n/gm, ""),
    );
  }
}

/** Back ends of the suites in C++ → JavaScript models in `stand-ins/`; the collector of traces, which test.sh downloads, → `otelcol.mjs`. */
function standIn(folder) {
  writeRunnable(join(folder, "otelcol"), `#!/bin/sh\nexec node ${join(here, "otelcol.mjs")}\n`);
  for (const file of readdirSync(join(here, "stand-ins"))) {
    const backend = basename(file, ".mjs");
    const other = new RegExp(`(backend"?: )"${backend}"`, "g");
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(?:py|pbtxt)$/.test(name)) continue;
      const text = readFileSync(join(folder, name), "utf8");
      if (!other.test(text)) continue;
      writeFileSync(join(folder, name), text.replace(other, '$1"javascript"').replaceAll("KIND_GPU", "KIND_CPU"));
      if (!name.endsWith("config.pbtxt")) continue;
      const version = join(folder, dirname(name), "1");
      mkdirSync(version, { recursive: true });
      cpSync(join(here, "stand-ins", file), join(version, "model.mjs"));
    }
  }
}
