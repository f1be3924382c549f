/**
 * Rate, latency, CPU time and memory of a repository by workers and requests in flight: `npm run bench:capacity`.
 *
 *   --repository DIR   (default: model-repo)      --model NAME      (default: recommend)
 *   --p99 MS           bound of the 99th percentile (default: 20)
 *   --workers N,N,…    (default: 1, 2, 4, … up to the processors, less one for the load)
 *   --in-flight N,N,…  (default: 1,2,4,8,16,32)   --seconds N       of each line (default: 5)
 *   --write            writes the table into docs/guides/capacity.md
 *
 * Workers run on the first processors, the load on the last. On a machine of one or two processors they share some, and the table says so.
 */
import { execFile, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { allowedCores } from "../scorecard/support/cores.mjs";
import { cpuSeconds, proportionalMebibytes } from "./server/processes.mjs";

const MERLON = fileURLToPath(new URL("../../dist/bin/merlon.cjs", import.meta.url));
const PAGE = fileURLToPath(new URL("../../docs/guides/capacity.md", import.meta.url));

const text = { type: "string" };
const { values } = parseArgs({
  options: {
    ...{ repository: text, model: text, p99: text, workers: text, "in-flight": text, seconds: text },
    write: { type: "boolean" },
  },
});
const { repository = "model-repo", model = "recommend", p99: bound = "20", seconds = "5" } = values;
const allowed = allowedCores();
const forServer = allowed.length > 1 ? allowed.slice(0, -1) : allowed;
const counts = numbers(values.workers) ?? powers(forServer.length);
const inFlight = values["in-flight"] ?? "1,2,4,8,16,32";

const lines = [];
for (const count of counts) lines.push(...(await measure(count)));
const table = print(lines);
console.log(table);
if (values.write) {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = ["<!-- capacity: begin -->", "<!-- capacity: end -->"];
  if (!page.includes(begin) || !page.includes(end)) throw new Error(`${PAGE} has no place for the table`);
  const [before] = page.split(begin);
  writeFileSync(PAGE, `${before}${begin}\n\n${table}\n${end}${page.split(end)[1]}`);
}

/** @returns a line for each number of requests in flight */
async function measure(count) {
  const set = (count <= forServer.length ? forServer : allowed).slice(0, count).join(",");
  const words = ["serve", "--model-repository", repository, "--workers", String(count), "--cpu-affinity", set];
  const ports = ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"];
  const server = spawn(process.execPath, [MERLON, ...words, ...ports], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise(resolve => server.once("exit", resolve));
  try {
    const port = await portOf(server, ended);
    // A just-in-time compiler needs some thousand requests.
    await load(port, 4);
    const found = [];
    for (const level of numbers(inFlight)) {
      const before = cpuSeconds(server.pid);
      const { point, requests } = await load(port, level);
      const cpu = (1000 * (cpuSeconds(server.pid) - before)) / requests;
      found.push({ workers: count, level, cpu, memory: proportionalMebibytes(server.pid), ...point });
      const [last, one] = found.slice(-2);
      // More requests in flight only wait.
      if (one && one.rate < 1.03 * last.rate && one.p99 > Number(bound)) break;
    }
    return found;
  } finally {
    server.kill("SIGTERM");
    await ended;
  }
}

async function portOf(server, ended) {
  let log = "";
  const port = new Promise(resolve =>
    server.stdout.on("data", chunk => {
      log += chunk;
      const [, found] = /Started GRPCInferenceService at [^"\s]*:(\d+)/.exec(log) ?? [];
      if (found) resolve(Number(found));
    }),
  );
  const found = await Promise.race([port, ended.then(() => undefined)]);
  if (found === undefined) throw new Error(`the server has ended:\n${log}`);
  return found;
}

/** Without a warm-up of its own, so that the CPU time is that of the counted requests. */
async function load(port, level) {
  const bench = async duration => {
    const words = [MERLON, "client", "bench", model, "-u", `grpc://127.0.0.1:${port}`, "-c", String(level)];
    const options = ["-s", duration, "--warmup", "0", "--json"];
    const pinned = ["-c", String(allowed.at(-1)), process.execPath, ...words, ...options];
    const { stdout } = await promisify(execFile)("taskset", pinned, { maxBuffer: 2 ** 24 });
    const said = JSON.parse(stdout);
    return (Array.isArray(said) ? said : said.points)[0];
  };
  const point = await bench(seconds);
  if (point.failed > 0) throw new Error(`${point.failed} requests failed: ${point.fault}`);
  return { point, requests: point.rate * Number(seconds) };
}

function numbers(list) {
  return list?.split(",").map(Number);
}

function powers(most) {
  const found = [];
  for (let one = 1; one <= most; one *= 2) found.push(one);
  return found;
}

function print(all) {
  const rows = all.map(({ workers, level, rate, p50, p99, cpu, memory }) =>
    [workers, level, Math.round(rate), p50.toFixed(1), p99.toFixed(1), cpu.toFixed(2), Math.round(memory)].join(" | "),
  );
  const best = counts.map(count => {
    const good = all.filter(one => one.workers === count && one.p99 <= Number(bound));
    const most = good.sort((a, b) => b.rate - a.rate)[0];
    const found = most ? `${Math.round(most.rate)} requests a second, ${most.level} in flight` : "none";
    return `| ${count} | ${found} |`;
  });
  const machine = `${cpus()[0]?.model.trim()}, ${allowed.length} processors, load before the end ${loadavg()[0].toFixed(1)}, Node ${process.version}`;
  const shares = Math.max(...counts) >= allowed.length ? " The load shares processors with the workers." : "";
  return [
    `Model \`${model}\` on ${machine}.${shares}`,
    "",
    "| workers | in flight | rate | p50 | p99 | CPU | memory |",
    "|---|---|---|---|---|---|---|",
    ...rows.map(row => `| ${row} |`),
    "",
    `| workers | largest rate with p99 ≤ ${bound} ms |`,
    "|---|---|",
    ...best,
    "",
  ].join("\n");
}
