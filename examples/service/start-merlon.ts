/**
 * A server as a process of its own for tests in any language or runner, with the shape of a testcontainers module: start, addresses, stop. It needs no
 * Docker and is ready in well under a second.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface StartedMerlon extends AsyncDisposable {
  readonly grpcUrl: string;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

export interface MerlonOptions {
  readonly modelRepository: string;
  /** More flags of `merlon serve`, as `["--mock-missing"]`. */
  readonly flags?: readonly string[];
  /** @default ["npx", "merlon"] */
  readonly command?: readonly string[];
}

/** @throws Error with the server's log when it ends before it is ready */
export async function startMerlon({
  modelRepository,
  flags = [],
  command = ["npx", "merlon"],
}: MerlonOptions): Promise<StartedMerlon> {
  const [program, ...words] = command;
  const ports = ["http", "grpc", "metrics"].flatMap(name => [`--${name}-port=0`, `--${name}-address=127.0.0.1`]);
  const child = spawn(program!, [...words, "serve", `--model-repository=${modelRepository}`, ...ports, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<void>(done => child.once("exit", () => done()));
  const log: string[] = [];
  const found = new Map<string, string>();
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on("line", line => {
        log.push(line);
        const [, service, address] = /Started (HTTP|GRPCInference|Metrics)\s?Service at ([\d.]+:\d+)/.exec(line) ?? [];
        if (service) found.set(service, address!);
        if (found.size === 3) resolve();
      });
    child.once("error", reject);
    void exited.then(() => reject(new Error(`merlon serve ended before it was ready:\n${log.slice(-20).join("\n")}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  return {
    grpcUrl: `grpc://${found.get("GRPCInference")}`,
    httpUrl: `http://${found.get("HTTP")}`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
