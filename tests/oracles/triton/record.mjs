/**
 * Plays scenarios to the Triton that `nvidia-pytriton` carries and keeps what it answered and logged, in the form of the recorded life cycles.
 *
 *   python -m venv ENV && ENV/bin/pip install nvidia-pytriton==0.7.0
 *   npx tsc -b && node tests/oracles/triton/record.mjs ENV [NAME]
 *
 * Writes `tests/conformance/repository/data/pytriton.jsonl.gz`; with NAME it prints the scenarios whose id contains it instead.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { freePort } from "#conformance/free-ports.js";
import { grpcCall, httpCall } from "#conformance/repository/calls.js";
import { metricLines } from "#conformance/repository/metric-lines.js";
import { placeFile } from "#conformance/repository/place-files.js";
import { scenarios } from "./scenarios.mjs";

const [environment, only = ""] = process.argv.slice(2);
const python = readdirSync(join(environment, "lib")).find(name => name.startsWith("python3."));
const triton = join(environment, "lib", python, "site-packages/pytriton/tritonserver");
const OUT = fileURLToPath(new URL("../../conformance/repository/data/pytriton.jsonl.gz", import.meta.url));

/** The stub of the environment's Python belongs beside the back end's library. */
function backendsIn(work) {
  const folder = join(work, "backends/python");
  mkdirSync(folder, { recursive: true });
  for (const name of ["libtriton_python.so", "triton_python_backend_utils.py"])
    symlinkSync(join(triton, "backends/python", name), join(folder, name));
  const stub = "triton_python_backend_stub";
  symlinkSync(join(triton, "python_backend_stubs", python.slice("python".length), stub), join(folder, stub));
  return join(work, "backends");
}

/** Bytes as text; those that are not UTF-8 as `\\xef`. */
const readable = bytes =>
  bytes.replace(/[\x80-\xff]+/g, run => {
    const text = Buffer.from(run, "latin1").toString("utf8");
    return text.includes("\ufffd") ? run.replace(/./gs, byte => `\\x${byte.charCodeAt(0).toString(16)}`) : text;
  });

/** Warnings and errors, without times and process ids; output of other libraries is dropped. */
const logLines = text =>
  text.split("\n").flatMap(line => {
    const [, level, file, said] = /^([WE])\d{4} [\d:.]+ \d+ (\S+?)\] (.*)$/.exec(line) ?? [];
    if (level) return /pinned|Cuda|CUDA|GPU|DCGM/.test(said) ? [] : [`${level} ${file}] ${said}`];
    return line.startsWith("[libprotobuf ERROR") ? [line] : [];
  });

/** Times of statistics, as the other recordings have them; and a field that this Triton's configurations do not have yet. */
const masked = value =>
  JSON.parse(
    JSON.stringify(value, (key, item) => {
      if (key === "ensemble_scheduling") return { ...item, max_inflight_requests: 0 };
      return key === "ns" && item > 0 ? "<ns>" : key === "last_inference" && item > 0 ? "<ms>" : item;
    }),
  );

async function play({ id, note, flags, repositories, initial_files, steps }) {
  const work = mkdtempSync(join(tmpdir(), "triton-record-"));
  const roots = [join(work, "repo"), join(work, "repo2")].slice(0, repositories);
  const mask = text => text.replaceAll(roots[1] ?? "\0", "<repository2>").replaceAll(roots[0], "<repository>");
  const target = path => (path.startsWith("repo2:") ? [roots[1], path.slice(6)] : [roots[0], path]);
  const ports = { http: await freePort(), grpc: await freePort(), metrics: await freePort() };
  let [child, said, over] = [undefined, "", false];
  const started = async () => {
    child = spawn(
      join(triton, "bin/tritonserver"),
      [
        ...roots.map(root => `--model-repository=${root}`),
        ...Object.entries(ports).flatMap(([name, port]) => [`--${name}-port=${port}`, `--${name}-address=127.0.0.1`]),
        `--backend-directory=${backendsIn(work)}`,
        "--allow-cpu-metrics=false",
        ...flags,
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, PATH: `${join(environment, "bin")}:${process.env.PATH}` },
      },
    );
    for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (said += chunk.toString("latin1")));
    const ended = new Promise(resolve => child.once("exit", resolve));
    child.ended = ended.then(() => {
      over = true;
    });
    for (let i = 0; i < 1200 && !over; i++) {
      if ((await httpCall(ports.http, "GET", "/v2/health/live", undefined, mask)).status === 200) return true;
      await delay(50);
    }
    return false;
  };
  const played = [];
  try {
    for (const root of roots) mkdirSync(root);
    for (const [file, value] of Object.entries(initial_files)) placeFile(...target(file), value);
    for (const step of steps) {
      const { action, path = "" } = step;
      const before = said.length;
      const done = { ...step };
      if (action === "start") done.up = await started();
      else if (action === "write")
        for (const [file, value] of Object.entries(step.files)) placeFile(...target(file), value);
      else if (action === "remove")
        for (const file of step.paths) rmSync(join(...target(file)), { recursive: true, force: true });
      else if (action === "touch") utimesSync(join(...target(path)), new Date(), new Date());
      else if (action === "wait") await delay(step.seconds * 1000);
      else if (action === "http")
        done.response = masked(await httpCall(ports.http, step.method, path, step.body, mask));
      else if (action === "grpc") done.response = masked(await grpcCall(ports.grpc, step.rpc, step.request, mask));
      else if (action === "metrics") done.response = await metricLines(ports.metrics, step.family, mask);
      await delay(100);
      const log = logLines(mask(readable(said.slice(before))));
      if (log.length > 0 || action === "start") done.log = log;
      // Ensembles that lose a member are reported in the order of their addresses.
      if (log.length > 1 && path.endsWith("/unload")) done.log_order = "free";
      played.push(done);
    }
    return { id, note, flags, repositories, initial_files, steps: played };
  } finally {
    if (child && !over) {
      child.kill("SIGTERM");
      await Promise.race([child.ended, delay(20_000).then(() => child.kill("SIGKILL"))]);
    }
    rmSync(work, { recursive: true, force: true });
  }
}

const records = [];
for (const scenario of scenarios.filter(({ id }) => id.includes(only))) {
  process.stderr.write(`${scenario.id}\n`);
  records.push(await play(scenario));
}
if (only) process.stdout.write(`${JSON.stringify(records, null, 1)}\n`);
else writeFileSync(OUT, gzipSync(records.map(record => JSON.stringify(record)).join("\n"), { level: 9 }));
