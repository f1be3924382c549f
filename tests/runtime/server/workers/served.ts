/**
 * `merlon serve` as processes, for the tests of its workers: ports, pids, log, and calls over connections of their own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Agent, request } from "node:http";
import { MERLON } from "../../../needs/built.js";
import { until } from "../../../run/wait.js";

export interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the answers of its calls
  readonly json: any;
}

export interface Served {
  readonly child: ChildProcess;
  readonly http: number;
  readonly grpc: number;
  readonly metrics: number;
  readonly faultAdmin: number | undefined;
  readonly log: () => string;
  /** A call on a connection of its own, so that calls reach all workers. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends it as a service manager does. @returns its exit code */
  stop(): Promise<number | null>;
}

const PORTS = {
  grpc: /GRPCInferenceService at [^"\s]*:(\d+)/,
  http: /HTTPService at [^"\s]*:(\d+)/,
  metrics: /Metrics Service at [^"\s]*:(\d+)/,
  faultAdmin: /fault admin at [^"\s]*:(\d+)/,
} as const;

/** How the server's process is started. */
export interface Surroundings {
  /** Beside the variables of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Starts the program that follows it. */
  readonly command?: readonly string[];
}

/** @throws Error with its log if it ends before its ports are known */
export async function serveWorkers(
  repository: string | undefined,
  workers: number | "auto",
  flags: readonly string[] = [],
  onStart: (child: ChildProcess) => void = () => {},
  { env, command = [] }: Surroundings = {},
): Promise<Served> {
  const [program = process.execPath, ...words] = command;
  const child = spawn(
    program,
    [
      ...(command.length > 0 ? [...words, process.execPath] : []),
      ...[MERLON, "serve", ...(repository === undefined ? [] : ["--model-repository", repository])],
      ...["--workers", String(workers)],
      ...["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0", ...flags],
    ],
    { stdio: [command.length > 0 ? "pipe" : "ignore", "pipe", "pipe"], env: { ...process.env, ...env } },
  );
  onStart(child);
  // A test that fails does not stop it.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  let log = "";
  const ended = new Promise<Awaited<Served["ended"]>>(resolve =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  const portOf = (name: keyof typeof PORTS): number => Number(PORTS[name].exec(log)?.[1]);
  await new Promise<void>((resolve, reject) => {
    const wanted = [
      "grpc",
      "http",
      "metrics",
      ...(flags.includes("--fault-admin-port") ? ["faultAdmin"] : []),
    ] as const;
    const read = (chunk: Buffer): void => {
      log += chunk;
      if (wanted.every(name => portOf(name as keyof typeof PORTS) > 0)) resolve();
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
    child.once("close", code => reject(new Error(`the server ended with ${code}:\n${log}`)));
  });
  const http = portOf("http");
  return {
    child,
    http,
    grpc: portOf("grpc"),
    metrics: portOf("metrics"),
    faultAdmin: flags.includes("--fault-admin-port") ? portOf("faultAdmin") : undefined,
    log: () => log,
    call: (method, path, body) => call(http, method, path, body),
    ended,
    async stop() {
      child.kill("SIGTERM");
      return (await ended).code;
    },
  };
}

/** One request on a connection of its own. @throws Error when the connection breaks */
export function call(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  agent: Agent | false = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const asked = request(
      {
        ...{ host: "127.0.0.1", port, method, path, agent },
        headers:
          sent === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(sent) },
      },
      answer => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", chunk => {
          text += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode!, text, json: parsed(text) }));
      },
    );
    asked.on("error", reject);
    asked.setTimeout(30_000, () => asked.destroy(new Error("no answer within 30 s")));
    asked.end(sent);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Process ids of the workers. */
export function workersOf({ child }: Pick<Served, "child">): readonly number[] {
  const { pid } = child;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

/**
 * Calls until this many processes have responded: which worker is next depends on how soon the others report.
 * @param pid the process that responds to a call on a connection of its own
 */
export async function processes(count: number, pid: () => Promise<number>): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  await until(`${count} processes respond`, async () => found.add(await pid()).size >= count);
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export const INFER = "/v2/models/echo_int32/infer";
export const GOOD = { inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }] };

/** A model in JavaScript with one input and one output of any number of int32. */
export const javascriptModel = (name: string, code: string): Readonly<Record<string, string>> => ({
  [`${name}/config.pbtxt`]: `name: "${name}"
backend: "javascript"
input [ { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ -1 ] } ]
`,
  [`${name}/1/model.mjs`]: code,
});

/** A model that adds up the inputs of a sequence. */
export const SUMS = {
  "sums/config.pbtxt": `name: "sums" backend: "sequence" max_batch_size: 4
    input [ { name: "INPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
    output [ { name: "OUTPUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
    sequence_batching { max_sequence_idle_microseconds: 60000000 control_input [
      { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
      { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] } ] }`,
  "sums/1/.keep": "",
};

/** The body of a request to such a model. */
export const ones = (data: readonly number[]) => ({
  inputs: [{ name: "IN", shape: [data.length], datatype: "INT32", data }],
});
