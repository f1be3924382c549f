/**
 * The server of a group: one started for it on free ports, with the group's repository, flags and environment, or a running one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Group, PROTOCOL_DATA } from "./records.js";
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
const START_MS = 30_000;

/** @param more flags besides the group's @throws Error with the server's last lines when it doesn't start */
export async function startServer(group: Group, more: readonly string[] = []): Promise<Target> {
  const { repository: name, server_flags = [], env = {} } = group.records[0]!;
  const scratch = mkdtempSync(join(tmpdir(), "merlon-conformance-"));
  const repository = join(scratch, name);
  cpSync(new URL(name, PROTOCOL_DATA), repository, { recursive: true });
  // Models of a missing backend have twins with the same behavior, copied over them.
  const twins = new URL(`twins/${name}`, PROTOCOL_DATA);
  const hasTwins = existsSync(twins);
  if (hasTwins) cpSync(twins, repository, { recursive: true, force: true });
  return launch({
    command: process.execPath,
    args: [
      ...[SERVE, `--model-repository=${repository}`],
      ...["grpc", "http", "metrics"].flatMap(kind => [`--${kind}-port=0`, `--${kind}-address=127.0.0.1`]),
      // A model that doesn't load fails its own records, not its whole group.
      ...(server_flags.some(flag => flag.startsWith("--exit-on-error")) ? [] : ["--exit-on-error=false"]),
      ...(hasTwins ? ["--mock-stand-ins"] : []),
      // The recorded server was built without tracing.
      "--allow-trace=false",
      ...server_flags,
      ...more,
    ],
    env,
    repository,
    remove: () => rmSync(scratch, { recursive: true, force: true }),
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
