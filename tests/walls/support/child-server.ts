/**
 * `merlon serve` in a process of its own with a small heap: a request or file that hurts it cannot hurt the test.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MERLON } from "../../needs/built.js";
import { untilWritten } from "../../run/wait.js";
import { familyOf, WORKERS } from "../../run/workers.js";

const LOOPBACK = ["http", "grpc", "metrics"].flatMap(port => [`--${port}-port=0`, `--${port}-address=127.0.0.1`]);
/** Bounds the wait for a start on a loaded machine. */
const START_MS = 60_000;

export interface ChildServerOptions {
  readonly flags?: readonly string[];
  /** Flags of Node. */
  readonly node?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly heapMb?: number;
}

const sumOf = (pid: number, of: (one: number) => number): number =>
  familyOf(pid).reduce((sum, one) => sum + of(one), 0);

export type ChildServer = Awaited<ReturnType<typeof startChildServer>>;

export async function startChildServer(repository: string, options: ChildServerOptions = {}) {
  const { flags = [], node = [], env = {}, heapMb = 256 } = options;
  const command = [MERLON, "serve", `--workers=${WORKERS}`, `--model-repository=${repository}`, ...LOOPBACK, ...flags];
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, ...node, ...command], {
    env: { ...process.env, TMPDIR: mkdtempSync(join(tmpdir(), "merlon-wall-")), ...env },
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", text => void chunks.push(text));
  const output = (): string => chunks.join("");
  const ended = new Promise<number | NodeJS.Signals | null>(resolve =>
    child.once("exit", (code, signal) => resolve(code ?? signal)),
  );
  const find = async (pattern: RegExp): Promise<string> => (await untilWritten(child, output, pattern, START_MS))[1]!;
  const grpc = await find(/Started GRPCInferenceService at (127\.0\.0\.1:\d+)/);
  const http = `http://${await find(/Started HTTPService at (127\.0\.0\.1:\d+)/)}`;
  const metrics = `http://${await find(/Started Metrics Service at (127\.0\.0\.1:\d+)/)}`;
  return {
    http,
    grpc,
    metrics,
    output,
    pid: child.pid!,
    /** Exit code or signal, once the process is over. */
    ended,
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    post: (path: string, body: unknown, init: RequestInit = {}) =>
      fetch(http + path, {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
        ...init,
      }),
    /** Seconds of CPU that its processes have used. */
    cpuSeconds(): number {
      return sumOf(child.pid!, pid => {
        const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ");
        const fields = rest.split(" ");
        return (Number(fields[11]) + Number(fields[12])) / 100;
      });
    },
    /** Megabytes of its processes: `VmRSS` now, `VmHWM` at most so far. */
    megabytes(line: "VmRSS" | "VmHWM"): number {
      return sumOf(child.pid!, pid => {
        const status = readFileSync(`/proc/${pid}/status`, "latin1");
        return Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)![1]) / 1024;
      });
    },
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
