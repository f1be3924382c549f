// Memory of a server by its workers: `npm run bench:pss`. Makes a repository of about a gigabyte (kept in .cache/bench-pss), starts a server of N workers, and
// sends each worker some requests. Prints the proportional set size (PSS: a page that n processes map counts as 1/n) of all processes by kind of mapping.
// MERLON_SHARED=off shows the same without sharing. --servers starts N servers of one process instead. --tree OTHER measures another built tree. Nothing is
// asserted but that every request is answered.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePort } from "#conformance/free-ports.js";
import { MANIFEST_FILE, MANIFEST_PARAMETER, printManifest } from "../../dist/formats/folders/manifest.js";
import { table } from "../../scripts/demo/terminal.mjs";
import { artefacts, requestOf } from "./memory/repository.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1,2,8" },
    only: { type: "string" },
    scale: { type: "string", default: "1" },
    /** Seconds after the last request: a busy machine returns memory later. */
    settle: { type: "string", default: "20" },
    requests: { type: "string", default: "40" },
    tree: { type: "string", default: ROOT },
    servers: { type: "boolean", default: false },
    short: { type: "boolean", default: false },
  },
});
const SCALE = values.short ? 0.05 : Number(values.scale);
const COUNTS = values.short ? [1, 2] : values.workers.split(",").map(Number);
const all = artefacts(SCALE);
const NAMES = values.only?.split(",") ?? Object.keys(all);
const repository = join(ROOT, ".cache", "bench-pss", String(SCALE));

function make(name) {
  if (existsSync(join(repository, name))) return;
  const partial = join(repository, ".partial");
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const began = performance.now();
  all[name](partial);
  // As `merlon build` does: files that it lists are not opened in another process first.
  const config = join(partial, name, "config.pbtxt");
  const parameter = `parameters { key: "${MANIFEST_PARAMETER}" value { string_value: "2" } }\n`;
  if (readFileSync(config, "utf8").includes('"merlon"')) {
    writeFileSync(config, parameter, { flag: "a" });
    writeFileSync(join(partial, name, MANIFEST_FILE), printManifest(join(partial, name)));
  }
  renameSync(join(partial, name), join(repository, name));
  console.error(`made ${name} in ${Math.round((performance.now() - began) / 1000)} s`);
}

const sizeOf = folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);

/** @param workers of the server */
async function startServer(workers) {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  const words = ["serve", "--model-repository", repository, "--model-control-mode", "explicit"];
  words.push("--workers", String(workers));
  const loads = NAMES.flatMap(name => ["--load-model", name]);
  const ports = ["--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics].map(String);
  const child = spawn(
    process.execPath,
    [join(resolve(values.tree), "dist/bin/merlon.cjs"), ...words, ...loads, ...ports],
    {
      stdio: ["ignore", "ignore", "inherit"],
      env: { MERLON_SHARED: "on", ...process.env },
    },
  );
  const gone = new Promise((_, reject) => {
    child.once("exit", code => reject(new Error(`a server ended with ${code}`)));
  });
  gone.catch(() => {});
  const ready = async () => {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${http}/v2/health/ready`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise(done => setTimeout(done, 100));
    }
  };
  await Promise.race([ready(), gone]);
  const connections = [];
  // The server gives a connection to the worker with the fewest: each worker has one of these.
  for (let i = 0; i < workers; i++) {
    connections.push({ http, agent: new Agent({ keepAlive: true, maxSockets: 1 }) });
    await call(connections[i], "GET", "/v2/health/live");
  }
  return { child, connections };
}

function call({ http, agent }, method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: http, agent, method, path }, answer => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", chunk => (text += chunk));
      answer.once("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${path}: ${text}`))));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const infer = (connection, name, i) =>
  call(connection, "POST", `/v2/models/${name}/infer`, JSON.stringify({ inputs: [requestOf(name, i)] }));

/** The kind of a mapping, by its name in smaps. */
function kindOf(name) {
  if (/merlon-shared-|\/weights( |$)|merlon-weights-|bench-pss/.test(name)) return "artefacts";
  if (name === "[heap]" || name === "") return "private";
  return name.startsWith("[") ? "private" : "programs";
}

/** Megabytes of PSS by kind of mapping. */
function pssOf(pid) {
  const found = { private: 0, artefacts: 0, programs: 0 };
  let kind = "private";
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    const head = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/.exec(line);
    if (head) kind = kindOf(head[1]);
    const pss = /^Pss:\s+(\d+)/.exec(line);
    if (pss) found[kind] += Number(pss[1]) / 1000;
  }
  return found;
}

/** A process and those that it started. */
function family(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [pid, ...children.flatMap(family)];
}

/** @returns megabytes of each process */
async function measure(count) {
  const servers = [];
  try {
    for (let i = 0; i < (values.servers ? count : 1); i++) servers.push(await startServer(values.servers ? 1 : count));
    const connections = servers.flatMap(one => one.connections);
    console.error(`${count} ${values.servers ? "servers" : "workers"} are ready`);
    for (const [s, connection] of connections.entries())
      for (let i = 0; i < Number(values.requests); i++)
        for (const name of NAMES)
          await infer(connection, name, (i + s * 1000) % Math.max(1, Math.round(10_000 * SCALE)));
    // Freed memory is returned some seconds after the last request.
    await new Promise(done => setTimeout(done, 1000 * Number(values.settle)));
    return servers.flatMap(({ child }) => family(child.pid)).map(pssOf);
  } finally {
    for (const { agent } of servers.flatMap(one => one.connections)) agent.destroy();
    for (const { child } of servers) child.kill("SIGTERM");
    await Promise.all(
      servers.map(({ child }) => new Promise(done => (child.exitCode === null ? child.once("exit", done) : done()))),
    );
  }
}

for (const name of NAMES) make(name);
const size = NAMES.reduce((sum, name) => sum + sizeOf(join(repository, name)), 0) / 1e6;
console.log(`${NAMES.join(", ")}: ${Math.round(size)} MB on disk; MB of PSS`);
const rows = [];
let one;
for (const count of COUNTS) {
  const found = await measure(count);
  const sum = kind => found.reduce((total, of) => total + of[kind], 0);
  const total = sum("private") + sum("artefacts") + sum("programs");
  if (count === 1) one = total;
  const bar = one === undefined ? "" : Math.round(one + (count - 1) * 100);
  const row = [
    count,
    ...[total, total / count, sum("private"), sum("artefacts"), sum("programs")].map(Math.round),
    bar,
  ];
  console.error(row.join("\t"));
  rows.push(row.map(String));
}
table([values.servers ? "servers" : "workers", ">all", ">each", ">private", ">artefacts", ">programs", ">bar"], rows);
