// Ways to serve one port with several workers, side by side. Measures rate, CPU of the server per request, 99 % latency, the share of the busiest worker, and
// memory (proportional set size of all processes). The generators are C programs (Debian's wrk and apache2-utils), whose CPU is not counted.
//
// On a busy machine only CPU and balance mean something.
//
//   npm run bench:workers-prototypes [-- --workers 2 --seconds 2 --work 60]
import { execFile, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { cpuSeconds, proportionalMebibytes } from "./server/processes.mjs";

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "2" },
    seconds: { type: "string", default: "2" },
    work: { type: "string", default: "60" },
  },
});
const run = promisify(execFile);
const PROTOTYPE = fileURLToPath(new URL("workers/prototype.mjs", import.meta.url));
const WAYS = [
  "one process",
  "cluster, in turn",
  "shared handle",
  "SO_REUSEPORT",
  "hand over, fewest",
  "threads behind one",
];

const answerOf = (child, pick) =>
  new Promise(resolve => {
    const read = message => {
      if (message[pick] === undefined) return;
      child.off("message", read);
      resolve(message[pick]);
    };
    child.on("message", read);
  });

async function measured(child, port, generate) {
  const counts = async () => {
    const answer = answerOf(child, "counts");
    child.send("report");
    return answer;
  };
  const [before, cpu] = [await counts(), cpuSeconds(child.pid)];
  const { rate, p99 } = await generate(`http://127.0.0.1:${port}/`);
  const used = cpuSeconds(child.pid) - cpu;
  const answered = (await counts()).map((count, i) => count - before[i]);
  const all = answered.reduce((sum, count) => sum + count, 0);
  return { rate, p99, cpu: (used * 1e6) / all, busiest: Math.max(...answered) / all };
}

const wrk = connections => async url => {
  const { stdout } = await run("wrk", ["-t1", `-c${connections}`, `-d${values.seconds}s`, "--latency", url]);
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), p99: p99 * { us: 1, ms: 1e3, s: 1e6 }[unit] };
};
const ab = async url => {
  const { stdout } = await run("ab", ["-q", "-c8", `-t${values.seconds}`, "-n1000000", url]);
  return {
    rate: Number(/Requests per second:\s+([\d.]+)/.exec(stdout)[1]),
    p99: Number(/99%\s+(\d+)/.exec(stdout)[1]) * 1000,
  };
};
const LOADS = [
  ["1 connection", wrk(1)],
  ["4 connections", wrk(4)],
  ["64 connections", wrk(64)],
  ["a connection each", ab],
];

console.log(`${values.workers} workers, ${values.work} µs of work for each request\n`);
console.log(
  "| way | load | requests/s | CPU µs/request | p99 µs | busiest worker | MiB |\n|---|---|---|---|---|---|---|",
);
for (const way of WAYS) {
  const child = fork(PROTOTYPE, [way, values.workers], { env: { ...process.env, WORK_MICROS: values.work } });
  const port = await answerOf(child, "port");
  await wrk(8)(`http://127.0.0.1:${port}/`);
  for (const [load, generate] of LOADS) {
    const { rate, cpu, p99, busiest } = await measured(child, port, generate);
    console.log(
      `| ${way} | ${load} | ${rate.toFixed(0)} | ${cpu.toFixed(0)} | ${p99.toFixed(0)} | ${(100 * busiest).toFixed(0)} % | ${proportionalMebibytes(child.pid).toFixed(0)} |`,
    );
  }
  child.send("end");
  await new Promise(resolve => child.once("exit", resolve));
}
