/**
 * `merlon serve`: Triton's command line → a running server; SIGTERM or SIGINT drains it and ends the process with 0.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import type { RunningServer, ServeOptions } from "../runtime/server-options.js";

const boolean = (text: string): boolean => {
  if (/^(true|1|on)$/i.test(text)) return true;
  if (/^(false|0|off)$/i.test(text)) return false;
  throw new InvalidArgumentError("Write true or false.");
};
const integer =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high)
      throw new InvalidArgumentError(`Write a whole number from ${low} to ${high}.`);
    return value;
  };
const port = integer(0, 65535);
const list = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];
const seed = (text: string): bigint => {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError("Write a whole number from 0 to 2^64 - 1.");
  return BigInt(text);
};

/** Flags of Triton that change nothing on a server without a GPU, or have no counterpart here. */
const ACCEPTED = [
  "pinned-memory-pool-byte-size",
  "cuda-memory-pool-byte-size",
  "cuda-virtual-address-size",
  "min-supported-compute-capability",
  "model-load-gpu-limit",
  "model-load-thread-count",
  "model-load-retry-count",
  "buffer-manager-thread-count",
  "host-policy",
  "rate-limit",
  "rate-limit-resource",
  "enable-peer-access",
  "backend-directory",
  "http-thread-count",
  "grpc-infer-thread-count",
  "grpc-infer-allocation-pool-size",
  "metrics-interval-ms",
  "allow-gpu-metrics",
  "reuse-http-port",
  "reuse-grpc-port",
  "repository-poll-secs",
];

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Serve model repositories with Triton's protocol")
    .requiredOption("--model-repository <folder>", "repository to serve; may be given several times", list)
    .addOption(
      new Option("--model-control-mode <mode>", "none: load everything; explicit: load on request")
        .choices(["none", "explicit"])
        .default("none"),
    )
    .option(
      "--load-model <name>",
      "explicit mode: model to load at the start, * for all; may be given several times",
      list,
    )
    .option("--disable-auto-complete-config [bool]", "take configurations as written", boolean)
    .option("--exit-on-error <bool>", "end when a model fails to load at the start", boolean, true)
    .option("--strict-readiness <bool>", "ready only when every model is", boolean, true)
    .option("--exit-timeout-secs <seconds>", "how long requests in flight may take at the end", integer(0, 86_400), 30)
    .option("--id <name>", "server name in the metadata", "triton")
    .option("--allow-http <bool>", "open the HTTP port", boolean, true)
    .option("--http-port <port>", "0 takes a free one", port, 8000)
    .option("--http-address <address>", "address of the HTTP port", "0.0.0.0")
    .option("--http-max-input-size <bytes>", "largest HTTP body", integer(1, 2 ** 31 - 1), 2 ** 26)
    .option("--allow-grpc <bool>", "open the gRPC port", boolean, true)
    .option("--grpc-port <port>", "0 takes a free one", port, 8001)
    .option("--grpc-address <address>", "address of the gRPC port", "0.0.0.0")
    .option("--allow-metrics <bool>", "open the metrics port", boolean, true)
    .option("--metrics-port <port>", "0 takes a free one", port, 8002)
    .option("--metrics-address <address>", "address of the metrics port (default: the HTTP address)")
    .option("--allow-cpu-metrics <bool>", "the machine's processor and memory among the metrics", boolean, true)
    .option("--allow-client-shm <bool>", "answer shared memory calls as enabled", boolean, false)
    .option("--metrics-config <setting=value>", "summary_latencies=true and the like; may be given several times", list)
    .option("--http-restricted-api <apis:key=value>", "APIs that need a header; may be given several times", list)
    .option("--grpc-restricted-protocol <apis:key=value>", "protocols that need metadata; several times", list)
    .option("--http-header-forward-pattern <pattern>", "headers that become parameters of requests", "")
    .option("--grpc-header-forward-pattern <pattern>", "metadata that become parameters of requests", "")
    .option("--log-verbose <level>", "0: quiet", integer(0, 100), 0)
    .option("--log-info <bool>", "information lines", boolean, true)
    .option("--log-warning <bool>", "warning lines", boolean, true)
    .option("--log-error <bool>", "error lines", boolean, true)
    .addOption(
      new Option("--log-format <format>", "time format of log lines")
        .choices(["default", "ISO8601"])
        .default("default"),
    )
    .option("--seed <number>", "makes sampling of requests without a seed repeatable", seed)
    .allowExcessArguments(false)
    .action(async (_, self: Command) => run(self.opts()));
  for (const name of ACCEPTED)
    command.addOption(new Option(`--${name} <value>`, "accepted for Triton's sake; changes nothing").hideHelp());
  return command;
}

interface Flags {
  readonly modelRepository: readonly string[];
  readonly modelControlMode: "none" | "explicit";
  readonly loadModel?: readonly string[];
  readonly disableAutoCompleteConfig?: boolean;
  readonly exitOnError: boolean;
  readonly strictReadiness: boolean;
  readonly exitTimeoutSecs: number;
  readonly id: string;
  readonly allowHttp: boolean;
  readonly httpPort: number;
  readonly httpAddress: string;
  readonly httpMaxInputSize: number;
  readonly allowGrpc: boolean;
  readonly grpcPort: number;
  readonly grpcAddress: string;
  readonly allowMetrics: boolean;
  readonly metricsPort: number;
  readonly metricsAddress?: string;
  readonly allowCpuMetrics: boolean;
  readonly allowClientShm: boolean;
  readonly metricsConfig?: readonly string[];
  readonly httpRestrictedApi?: readonly string[];
  readonly grpcRestrictedProtocol?: readonly string[];
  readonly httpHeaderForwardPattern: string;
  readonly grpcHeaderForwardPattern: string;
  readonly logVerbose: number;
  readonly logInfo: boolean;
  readonly logWarning: boolean;
  readonly logError: boolean;
  readonly logFormat: "default" | "ISO8601";
  readonly seed?: bigint;
}

async function run(flags: Flags): Promise<void> {
  if (flags.loadModel && flags.modelControlMode !== "explicit")
    return fail("Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.");
  warnAboutNode(flags);
  const { serve } = await import("../runtime/index.js");
  let server: RunningServer;
  try {
    server = await serve(toOptions(flags));
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return fail(
      name === "ListenError"
        ? `error: ${message}`
        : `error: creating server: ${LABELS[code ?? ""] ?? "Internal"} - ${message}`,
    );
  }
  for (const [i, signal] of (["SIGINT", "SIGTERM"] as const).entries())
    process.on(signal, () => {
      process.stdout.write(`Signal (${i === 0 ? 2 : 15}) received.\n`);
      server.stop().then(
        () => process.exit(0),
        error => fail(`error: stopping server: ${(error as Error).message}`),
      );
    });
}

const LABELS: Readonly<Record<string, string>> = {
  INVALID_ARGUMENT: "Invalid argument",
  NOT_FOUND: "Not found",
  UNAVAILABLE: "Unavailable",
};

function toOptions(flags: Flags): ServeOptions {
  return {
    modelRepositories: flags.modelRepository,
    http: flags.allowHttp && { port: flags.httpPort, address: flags.httpAddress },
    grpc: flags.allowGrpc && { port: flags.grpcPort, address: flags.grpcAddress },
    metrics: flags.allowMetrics && { port: flags.metricsPort, address: flags.metricsAddress ?? flags.httpAddress },
    modelControlMode: flags.modelControlMode,
    loadModels: flags.loadModel ?? [],
    disableAutoComplete: flags.disableAutoCompleteConfig ?? false,
    exitOnError: flags.exitOnError,
    strictReadiness: flags.strictReadiness,
    exitTimeoutSeconds: flags.exitTimeoutSecs,
    id: flags.id,
    httpMaxInputSize: flags.httpMaxInputSize,
    allowClientShm: flags.allowClientShm,
    allowCpuMetrics: flags.allowCpuMetrics,
    metricsConfig: Object.fromEntries((flags.metricsConfig ?? []).map(text => text.split(/=(.*)/s))),
    httpRestrictedApis: flags.httpRestrictedApi ?? [],
    grpcRestrictedProtocols: flags.grpcRestrictedProtocol ?? [],
    httpHeaderForwardPattern: flags.httpHeaderForwardPattern,
    grpcHeaderForwardPattern: flags.grpcHeaderForwardPattern,
    log: {
      info: flags.logInfo,
      warning: flags.logWarning,
      error: flags.logError,
      verbose: flags.logVerbose,
      format: flags.logFormat,
    },
    ...(flags.seed !== undefined && { seed: flags.seed }),
  };
}

/** Node 20 gets no more security fixes: fine on the own machine, worth a word elsewhere. */
function warnAboutNode(flags: Flags): void {
  const open = [flags.allowHttp && flags.httpAddress, flags.allowGrpc && flags.grpcAddress].filter(
    address => address && !/^(127\.|localhost$|::1$)/.test(address),
  );
  if (open.length === 0 || Number(process.versions.node.split(".")[0]) >= 22) return;
  process.stderr.write(
    `warning: Node ${process.versions.node} gets no security fixes any more, and this server listens on ${open.join(" and ")}. Use Node 22.23.2 or 24.18.1 and above, or bind 127.0.0.1 with --http-address and --grpc-address.\n`,
  );
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
