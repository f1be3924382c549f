/**
 * The servers under measurement, each in a process of its own, and their figures from /proc.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "#conformance/free-ports.js";
import { tritonCommand } from "#conformance/real-triton.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Ticks of /proc/PID/stat; the kernel's ABI fixes them for user space. */
const TICKS = 100;

/** The fields of /proc/PID/stat after the command's name, which may hold blanks. */
const statOf = pid => {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
};

function family(pid) {
  const parents = new Map();
  for (const entry of readdirSync("/proc"))
    if (/^\d+$/.test(entry) && existsSync(`/proc/${entry}/stat`))
      try {
        parents.set(Number(entry), Number(statOf(entry)[1]));
      } catch {
        // It ended while we looked.
      }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** The sum over a process and its children; one that ends meanwhile counts as 0. */
const sumOver = (pid, of) =>
  family(pid).reduce((sum, one) => {
    try {
      return sum + of(one);
    } catch (error) {
      if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
      return sum;
    }
  }, 0);

/** Seconds of CPU that a process, its threads and its children have taken. */
export const cpuSeconds = pid =>
  sumOver(pid, one => {
    const [user, system] = statOf(one).slice(11, 13);
    return (Number(user) + Number(system)) / TICKS;
  });

/** Microseconds of CPU that one thread has taken, by the scheduler's clock. */
export const threadMicroseconds = (pid, thread) =>
  Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1000;

/** Gives the main thread a core of its own, and all others another one. */
export function pinThreads(pid, { loop, others }) {
  for (const thread of readdirSync(`/proc/${pid}/task`))
    spawnSync("taskset", ["-p", "-c", String(Number(thread) === pid ? loop : others), thread]);
}

/** Milliseconds of CPU of one process by the scheduler's clock, which counts finer than ticks, in the threads that are there. */
export const threadsMs = pid =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadMicroseconds(pid, thread) / 1000, 0);
/** The same of a process and its children. */
export const familyMs = pid => sumOver(pid, threadsMs);

/** Proportional set size of a process and its children, in MiB: a page that several share counts in parts. */
export const proportionalMebibytes = pid =>
  sumOver(pid, one => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, "utf8"))[1]) / 1024);

/** By a request that costs little: the server starts beside it on the same cores. */
const isReady = port =>
  new Promise(resolve => {
    const request = get({ host: "127.0.0.1", port, path: "/v2/health/ready", agent: false }, answer => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });

/** Without certificates that Node would read at every start before anything else, 50 ms for those of a whole system; nothing here speaks TLS. */
function environment() {
  const { NODE_EXTRA_CA_CERTS: _, ...others } = process.env;
  return others;
}

/**
 * Starts a command that serves Triton's ports; resolves when it is ready. `readyMs` is the time from the start, `readyCpuMs` the CPU time.
 * @param given port of gRPC; a free one if it is left out
 */
async function startTritonLike(name, command, args, env = {}, given = undefined) {
  const [grpc, http, metrics] = [given ?? (await freePort()), await freePort(), await freePort()];
  const ports = [
    ...["--grpc-port", String(grpc), "--http-port", String(http), "--metrics-port", String(metrics)],
    ...["--grpc-address", "127.0.0.1", "--http-address", "127.0.0.1", "--metrics-address", "127.0.0.1"],
  ];
  const started = performance.now();
  const child = spawn(command, [...args, ...ports], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environment(), ...env },
  });
  let said = "";
  child.stdout.on("data", chunk => (said += chunk));
  child.stderr.on("data", chunk => (said += chunk));
  let over = false;
  const exited = new Promise(resolve =>
    child.on("exit", () => {
      over = true;
      resolve();
    }),
  );
  while (!(await isReady(http))) {
    if (over || performance.now() - started > 60_000) {
      child.kill("SIGKILL");
      throw new Error(`${name} did not become ready:\n${said.slice(-3000)}`);
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  const readyMs = performance.now() - started;
  const readyCpuMs = familyMs(child.pid);
  return {
    name,
    pid: child.pid,
    grpc,
    http,
    metrics,
    readyMs,
    readyCpuMs,
    /** Milliseconds from SIGTERM to the end of the process. */
    async stop() {
      const asked = performance.now();
      child.kill("SIGTERM");
      await exited;
      return performance.now() - asked;
    },
  };
}

/** The program as it is installed, where it was bundled. */
const programOf = root => ["dist/bin/merlon.cjs", "dist/cli/main.js"].map(path => join(root, path)).find(existsSync);

/**
 * @param options `root` of a built tree, `name` in the tables, `flags` of `merlon serve` and its number of `workers`. All its threads run on
 *   `cores`, if there are any. `grpc` is a port that servers share.
 */
export function startMerlon(
  repository,
  { nodeFlags = [], root = ROOT, name = "merlon", flags = [], workers = 1, cores, grpc } = {},
) {
  const program = [programOf(root), "serve", `--workers=${workers}`, "--model-repository", repository, ...flags];
  const words = [process.execPath, ...nodeFlags, ...program];
  const [command, ...args] = cores ? ["taskset", "-c", cores.join(","), ...words] : words;
  return startTritonLike(name, command, args, {}, grpc);
}

/**
 * The Triton that `nvidia-pytriton` carries.
 * @param environment folder of a virtual environment that has nvidia-pytriton and numpy
 */
export function startTriton(environment, repository, scratch, flags = []) {
  const { command, args, env } = tritonCommand(environment, scratch);
  return startTritonLike(
    "Triton 2.51",
    command,
    ["--model-repository", repository, ...args, "--allow-cpu-metrics=false", ...flags],
    env,
  );
}

const beside = file => fileURLToPath(new URL(file, import.meta.url));

/** The bounds of HTTP and of gRPC in Node. */
export const startBareHttp = () => startYardstick(BARE_HTTP, process.execPath, [beside("./bare-http.mjs")]);
export const startBareGrpc = () => startYardstick(BARE_GRPC, process.execPath, [beside("./bare-grpc.mjs")]);
const [BARE_HTTP, BARE_GRPC] = ["bound, HTTP in Node", "bound, gRPC in Node"];

/** A server that prints its port. */
async function startYardstick(name, command, args) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((resolve, reject) => {
    child.stdout.once("data", chunk => resolve(Number(chunk)));
    child.once("exit", code => reject(new Error(`${name} ended with ${code}`)));
  });
  const exited = new Promise(resolve => child.once("exit", resolve));
  return {
    name,
    pid: child.pid,
    grpc: port,
    http: port,
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
