/**
 * `merlon serve` and `tritonserver` as processes on free ports of their own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { builtFile } from "../../needs/built.js";
import { untilWritten } from "../../run/wait.js";
import { WORKERS } from "../../run/workers.js";

const CLI = builtFile("cli/");

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly ports: { readonly grpc: number; readonly http: number; readonly metrics: number };
  /** Both streams. */
  output(): string;
  readonly exited: Promise<number | null>;
}

/** @returns when the last port is open @throws Error with the output of a process that ends before */
export async function startProcess(
  program: "merlon" | "tritonserver",
  repository: string,
  flags: readonly string[] = [],
): Promise<ServerProcess> {
  const script = program === "merlon" ? ["main.js", "serve", `--workers=${WORKERS}`] : ["tritonserver.js"];
  const free = ["--http-port=0", "--grpc-port=0", "--metrics-port=0", `--model-repository=${repository}`];
  const child = spawn(process.execPath, [CLI + script[0]!, ...script.slice(1), ...free, ...flags]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const exited = new Promise<number | null>(resolve => child.once("exit", resolve));
  await untilWritten(child, () => text, /Started Metrics Service at \S+:\d+/);
  const port = (service: string): number => Number(new RegExp(`Started ${service} at \\S+:(\\d+)`).exec(text)?.[1]);
  return {
    child,
    ports: { grpc: port("GRPCInferenceService"), http: port("HTTPService"), metrics: port("Metrics Service") },
    output: () => text,
    exited,
  };
}

/** Ends a process that a test has left. */
export async function end({ child, exited }: ServerProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await exited;
}
