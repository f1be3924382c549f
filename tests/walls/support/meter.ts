/**
 * Measures what requests cost a server: a child process whose CPU time, resident memory and longest synchronous stretch are read around some work.
 *
 * @example
 * const target = await startMetered({ models: ["echo_int32"] });
 * const cost = await target.measure(() => target.post("/v2/models/echo_int32/infer", body));
 * expect(cost.cpuMs).toBeLessThan(allowedFor(body.length).cpuMs);
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Options, repository } from "../../runtime/server/support.js";

const CHILD = new URL("./metered-server.mjs", import.meta.url).pathname;
const MIB = 2 ** 20;

export interface Cost {
  /** CPU time of the server, all threads. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** The most resident memory while the work ran, above that before it. */
  readonly peakMb: number;
  /** Resident memory after the work, above that before it. */
  readonly grownMb: number;
  /** The longest time that the event loop did not turn, without time in which the process did not run. */
  readonly stallMs: number;
  /** The same at the 99.9th percentile of the loop's turns. */
  readonly stall999Ms: number;
  /** The longest delay of a timer, with time in which the process did not run. */
  readonly delayMs: number;
  /** Collections of the whole heap. */
  readonly collections: number;
}

/** The cost model: the allowed cost of a request of this size on the wire. */
export const allowedFor = (bytes: number): { readonly cpuMs: number; readonly peakMb: number } => ({
  cpuMs: 5 + (bytes / 1024) * 0.05,
  peakMb: 1 + (bytes / 1024) * (16 / 1024),
});

export interface MeteredOptions {
  readonly models?: readonly string[];
  /** Files of the repository by path. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Options of the server that JSON can carry. */
  readonly options?: Options;
  /** Megabytes of V8's old space; what needs more ends the child. */
  readonly heapMb?: number;
  readonly nodeOptions?: readonly string[];
}

export interface Posted {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

export type Metered = Awaited<ReturnType<typeof startMetered>>;

/** Starts a server in a child process with a temporary folder of its own. */
export async function startMetered({
  models = [],
  files = {},
  options = {},
  heapMb,
  nodeOptions = [],
}: MeteredOptions) {
  const folder = repository(models, files);
  const temporary = mkdtempSync(join(tmpdir(), "merlon-metered-"));
  const child = fork(CHILD, [JSON.stringify({ repository: folder, options })], {
    execArgv: ["--expose-gc", ...(heapMb ? [`--max-old-space-size=${heapMb}`] : []), ...nodeOptions],
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr!.on("data", chunk => {
    stderr = (stderr + chunk).slice(-20_000);
  });
  const ended = new Promise<never>((_, reject) => {
    child.once("exit", (code, signal) => reject(new Error(`the server ended with ${signal ?? code}:\n${stderr}`)));
  });
  ended.catch(() => {});
  const { ports } = (await Promise.race([messageOf(child), ended])) as {
    ports: Record<"http" | "grpc" | "metrics", number>;
  };
  let asked = 0;
  const ask = async (what: string): Promise<Record<string, number>> => {
    const id = ++asked;
    const answer = new Promise<Record<string, number>>(resolve => {
      const take = (message: { id: number; answer: Record<string, number> }): void => {
        if (message.id !== id) return;
        child.off("message", take as never);
        resolve(message.answer);
      };
      child.on("message", take as never);
    });
    child.send({ id, ask: what });
    return Promise.race([answer, ended]);
  };
  const memory = (key: "VmRSS" | "VmHWM"): number => statusOf(child.pid!, key) / MIB;
  return {
    pid: child.pid!,
    ports,
    http: `http://127.0.0.1:${ports.http}`,
    temporary,
    residentMb: () => memory("VmRSS"),
    /** Runs a full collection in the server. */
    collect: () => ask("collect"),
    /** Rejects when the server ends. */
    ended,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    post: (path: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
      Promise.race([post(ports.http, path, body, headers), ended]),
    /** @throws Error when the server ends while the work runs */
    async measure(work: () => Promise<unknown>): Promise<Cost> {
      const before = await ask("begin");
      const resident = memory("VmRSS");
      // The high-water mark restarts at the present resident size.
      writeFileSync(`/proc/${child.pid}/clear_refs`, "5");
      const started = performance.now();
      await Promise.race([work(), ended]);
      const wallMs = performance.now() - started;
      const after = await ask("end");
      return {
        cpuMs: after.cpuMs! - before.cpuMs!,
        wallMs,
        peakMb: memory("VmHWM") - resident,
        grownMb: memory("VmRSS") - resident,
        stallMs: after.stallMs!,
        stall999Ms: after.stall999Ms!,
        delayMs: after.delayMs!,
        collections: after.collections!,
      };
    },
    async stop(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = ended.catch(() => {});
        await ask("stop").catch(() => {});
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
        await gone;
        clearTimeout(timer);
      }
      rmSync(temporary, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const messageOf = (child: ChildProcess): Promise<unknown> => new Promise(done => child.once("message", done));

/** Bytes of a line of /proc/PID/status. */
function statusOf(pid: number, key: string): number {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1] ?? 0) * 1024;
}

/** One POST on a connection of its own, which ends with the answer. */
export function post(
  port: number,
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Posted> {
  return new Promise(resolve => {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const fields = Object.entries({
      Host: "127.0.0.1",
      Connection: "close",
      "Content-Length": bytes.length,
      ...headers,
    });
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", chunk => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      const text = Buffer.concat(chunks).toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      resolve({
        status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0),
        headers: text.slice(0, Math.max(0, end)),
        body: end < 0 ? "" : text.slice(end + 4),
      });
    });
    socket.write(`POST ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
    socket.write(bytes);
  });
}
