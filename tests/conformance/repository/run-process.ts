/**
 * One recorded run of the binary → the same command line for ours, the same questions and signals, and what differs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { usageText } from "#cli/tritonserver/flags.js";
import { holdPort, portOf } from "../free-ports.js";
import { differences } from "./compare.js";
import { placeFiles } from "./place-files.js";
import { flagsOf, lineDifferences, maskOutput } from "./process-output.js";
import type { ProcessRecord } from "./records.js";
import type { Outcome } from "./report.js";

const BINARY = new URL("../../../dist/cli/tritonserver.js", import.meta.url).pathname;
const INFER = { inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] };
const START_MS = 20_000;
const ENDS_MS = 20_000;
/** What a server that should not have come up gets to end. */
const STAYS_MS = 500;
const PORTS = ["http", "grpc", "metrics"] as const;
type Ports = Readonly<Record<(typeof PORTS)[number], number>>;

export async function runProcess(recorded: ProcessRecord): Promise<Outcome> {
  const record = withFreePorts(recorded);
  const work = mkdtempSync(join(tmpdir(), "merlon-process-"));
  const repository = join(work, "repo");
  mkdirSync(repository);
  placeFiles(repository, record.files);
  const { ports, held } = await freePorts(record.port_already_taken);
  const marks: [string, string][] = [
    ["<repository>", repository],
    ["<backends>", join(work, "backends")],
    ["<caches>", join(work, "caches")],
    ["<work>", work],
    ...PORTS.flatMap((name): [string, string][] => [
      [`<${name}_port + 65536>`, String(ports[name] + 65_536)],
      [`<${name}_port - 65536>`, String(ports[name] - 65_536)],
      [`<${name}_port>`, String(ports[name])],
    ]),
  ];
  const words = [...untraced(record), ...record.args, ...loopback(record)].map(word =>
    marks.reduce((text, [mark, path]) => text.replaceAll(mark, path), word),
  );
  const child = spawn(process.execPath, [BINARY, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]!.on("data", chunk => {
      output[stream] += chunk;
    });
  const ended = new Promise<number>(resolve =>
    child.once("close", (code, signal) => resolve(code ?? -signalNumber(signal))),
  );
  try {
    const seen = await askAndSignal(record, child, output, ports, ended);
    const tooLong = setTimeout(() => child.kill("SIGKILL"), ENDS_MS);
    const exitCode = await ended;
    clearTimeout(tooLong);
    const paths = [[BINARY, "<install>/bin/tritonserver"], ...marks.map(([mark, path]) => [path, mark])] as const;
    const mask = (text: string): string[] =>
      maskOutput(text, { paths: paths as readonly (readonly [string, string])[], usage: usageText() });
    const logFile = join(work, "t.log");
    const answers = [
      ...differences(record.exit_code, exitCode, "exit code"),
      ...differences(record.probe, seen.probe, "probe"),
      ...differences(record.after_signal, seen.after, "after the signal"),
      ...differences(record.inflight_answer, seen.inFlight, "in flight"),
    ];
    if (record.id === "help") {
      const theirs = flagsOf(record.stderr);
      const ours = flagsOf(output.stderr.split("\n")).filter(flag => theirs.includes(flag));
      answers.push(...differences(theirs, ours, "flags that a real Triton has"));
    }
    const free = (stream: "stdout" | "stderr"): boolean => record[`${stream}_order`] === "free";
    const log =
      record.id === "help" || record.id === "log-verbose"
        ? []
        : [
            ...lineDifferences(record.stdout, mask(output.stdout), "stdout", free("stdout")),
            ...lineDifferences(record.stderr, mask(output.stderr), "stderr", free("stderr")),
            ...(record.log_file && existsSync(logFile)
              ? lineDifferences(record.log_file, mask(readFileSync(logFile, "utf8")), "log file", false)
              : []),
          ];
    return { id: record.id, note: record.note, group: "process", answers, log };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
    held?.close();
    rmSync(work, { recursive: true, force: true });
  }
}

async function askAndSignal(
  record: ProcessRecord,
  child: ChildProcess,
  output: { readonly stdout: string },
  ports: Ports,
  ended: Promise<number>,
) {
  const seen: { probe?: unknown; after?: unknown; inFlight?: unknown } = {};
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  if (!record.signals) {
    await started(record, output, ports, ended);
    // It ends by itself after the last line of its start: the caller waits for that.
    if (record.port_already_taken) return seen;
    // A run that is to end by itself and doesn't.
    await Promise.race([delay(STAYS_MS), ended]);
    if (alive()) child.kill("SIGKILL");
    return seen;
  }
  const ask = async (paths: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      await Promise.all(Object.keys(paths).map(async path => [path, await get(path, ports)] as const)),
    );
  const early = record.signals[0]![0].includes("after the start");
  if (!early) await started(record, output, ports, ended);
  else await Promise.race([until(() => output.stdout.includes('"loading: '), START_MS), ended]);
  if (record.probe && alive()) seen.probe = await ask(record.probe);
  const inFlight = record.inflight_answer === undefined ? undefined : get("infer:/v2/models/slow/infer", ports);
  for (const [when, signal] of record.signals) {
    await delay(early ? 100 : Number.parseFloat(when) * 1000);
    if (alive()) child.kill(signal);
  }
  if (record.after_signal) {
    await delay(300);
    seen.after = await ask(record.after_signal);
  }
  if (inFlight) seen.inFlight = await inFlight;
  return seen;
}

/** Waits for the last port that the run opens, or for the last line of the start where it opens none. */
async function started(
  record: ProcessRecord,
  output: { readonly stdout: string },
  ports: Ports,
  ended: Promise<number>,
) {
  const last = (["metrics", "http", "grpc"] as const).find(name => !record.args.includes(`--allow-${name}=false`));
  const up = (): boolean | Promise<boolean> =>
    last && !record.port_already_taken ? accepts(ports[last]) : output.stdout.includes("| cache_enabled ");
  await Promise.race([until(up, START_MS), ended]);
}

const accepts = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

async function until(done: () => boolean | Promise<boolean>, patience: number): Promise<void> {
  for (const end = performance.now() + patience; !(await done()) && performance.now() < end; ) await delay(20);
}

async function get(path: string, ports: Ports): Promise<unknown> {
  const infer = path.startsWith("infer:");
  const [port, route] = path.startsWith("metrics:")
    ? [ports.metrics, path.slice(8)]
    : [ports.http, path.replace("infer:", "")];
  try {
    const response = await fetch(`http://127.0.0.1:${port}${route}`, {
      signal: AbortSignal.timeout(8000),
      headers: { connection: "close" },
      ...(infer && { method: "POST", body: JSON.stringify(INFER) }),
    });
    const text = await response.text();
    return text && !path.startsWith("metrics:") ? [response.status, text] : response.status;
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    return code === "ECONNREFUSED" ? "connection refused" : "connection closed";
  }
}

/**
 * Ports that a record names by number, for ones that are free here: 80, which is taken, or not ours to take, on many a machine (`80x` is a free
 * port and an x), and those outside the range, which several runs would open at once.
 */
function withFreePorts(record: ProcessRecord): ProcessRecord {
  return {
    ...record,
    args: record.args.map(word =>
      word
        .replace(/^--http-port=80(?=\D)/, "--http-port=<http_port>")
        .replace(/^--(\w+)-port=70000$/, "--$1-port=<$1_port + 65536>")
        .replace(/^--(\w+)-port=-5$/, "--$1-port=<$1_port - 65536>"),
    ),
    stdout: record.stdout.map(line =>
      line
        .replace('127.0.0.1:80"', '127.0.0.1:<http_port>"')
        .replace(/(?<=Started (\w+)(?: \w+)? at 127\.0\.0\.1:)(?:70000|-5)"/, (number, service: string) => {
          const name = service.startsWith("GRPC") ? "grpc" : service === "Metrics" ? "metrics" : "http";
          return `<${name}_port ${number.startsWith("-") ? "-" : "+"} 65536>"`;
        }),
    ),
  };
}

/** A run that leaves ports and addresses to their defaults gets free ones of this machine. */
const loopback = ({ id }: ProcessRecord): readonly string[] =>
  id === "flag-prefix"
    ? PORTS.flatMap(name => [
        `--${name}-address=127.0.0.1`,
        ...(name === "http" ? [] : [`--${name}-port=<${name}_port>`]),
      ])
    : [];

/** The recorded installation was built without tracing. */
const untraced = ({ args }: ProcessRecord): readonly string[] =>
  args.some(word => word.startsWith("--trace")) ? [] : ["--allow-trace=false"];

/** Ports that nobody has, but for the one that the record wants taken. */
async function freePorts(taken: string | undefined): Promise<{ ports: Ports; held: Server | undefined }> {
  const servers = await Promise.all(PORTS.map(holdPort));
  const ports = Object.fromEntries(servers.map((server, i) => [PORTS[i]!, portOf(server)])) as Ports;
  const held = servers[PORTS.indexOf(taken as "http")];
  await Promise.all(servers.filter(server => server !== held).map(server => new Promise(done => server.close(done))));
  return { ports, held };
}

const NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGTERM: 15,
};
const signalNumber = (signal: NodeJS.Signals | null): number => NUMBERS[signal ?? "SIGKILL"] ?? 0;
