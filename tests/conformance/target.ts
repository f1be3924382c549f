/**
 * The server of a group: one started for it on free ports, with the group's repository, flags and environment, or a running one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { recordedRepository } from "./recorded-repository.js";
import type { Group } from "./records.js";
import { ROOT } from "./root.js";

export interface Target {
  readonly host: string;
  readonly grpc: number;
  readonly http: number;
  readonly metrics: number;
  /** Absolute path of the repository, which the records mask. */
  readonly repository: string;
  /** A Triton and not this server. */
  readonly isReal?: boolean;
  stop(): Promise<void>;
}

const SERVE = new URL("dist/cli/tritonserver.js", ROOT).pathname;
/** For a server of one process. N processes on one processor take longer: each of them loads all models. */
const START_MS = 30_000;

/** @param workers number of processes that load the models @throws Error with the server's last lines when it doesn't start */
export async function startServer(group: Group, workers = 1): Promise<Target> {
  const { path, flags, env, remove } = recordedRepository(group);
  return launch({
    command: process.execPath,
    args: [SERVE, ...flags, `--workers=${workers}`],
    ...{ env, repository: path, remove, startTime: START_MS * workers ** 2 },
  });
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly repository: string;
  /** How long it may take to start, in milliseconds. */
  readonly startTime?: number;
  readonly isReal?: boolean;
  /** Takes away what was written for it. */
  remove(): void;
}

/** @throws Error with the server's last lines when it doesn't start */
export async function launch({
  command,
  args,
  env,
  repository,
  startTime,
  isReal = false,
  remove,
}: Launch): Promise<Target> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const stop = async (): Promise<void> => {
    await end(child);
    remove();
  };
  try {
    return { host: "127.0.0.1", ...(await readPorts(child, startTime)), repository, isReal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readPorts(child: ChildProcess, startTime = START_MS): Promise<Pick<Target, "grpc" | "http" | "metrics">> {
  return new Promise((resolve, reject) => {
    let log = "";
    const fail = (): void => reject(new Error(`the server did not start:\n${log.slice(-2000)}`));
    const timer = setTimeout(fail, startTime);
    child.once("exit", fail);
    const port = (service: string): number =>
      Number(new RegExp(`Started ${service}(?: at)? (?:http://)?[\\w.]+:(\\d+)`).exec(log)?.[1] ?? 0);
    const read = (chunk: Buffer): void => {
      if (log.length > 1e6) return;
      log += chunk.toString();
      const ports = { grpc: port("GRPCInferenceService"), http: port("HTTPService"), metrics: port("Metrics Service") };
      if (!ports.grpc || !ports.http || !ports.metrics) return;
      clearTimeout(timer);
      child.off("exit", fail);
      resolve(ports);
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise(resolve => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
