/**
 * The flags of `tritonserver`: name → what its argument is, and what it does here, in the groups in which `--help` prints them.
 */
export interface Flag {
  readonly name: string;
  /** As `--help` prints it; `""` for a flag without an argument. */
  readonly argument: string;
  readonly help: string;
}

const flag = (name: string, argument: string, help: string): Flag => ({ name, argument, help });
const PAIR = "<string>,<string>=<string>";
const RESTRICT = "<string>:<string>=<string>";
const NO_EFFECT = "Accepted; has no effect on a server without a GPU or a thread pool.";

export const FLAG_GROUPS: readonly (readonly [group: string, flags: readonly Flag[]])[] = [
  ["", [flag("help", "", "Print this text.")]],
  [
    "Server",
    [
      flag("id", "string", "Name of the server in its metadata; triton by default."),
      flag("exit-timeout-secs", "integer", "How long requests in flight may take at the end; 30 by default."),
    ],
  ],
  [
    "Logging",
    [
      flag("log-verbose", "integer", "0 (default) is quiet; 1 and above is verbose."),
      flag("log-info", "boolean", "Lines of information; on by default."),
      flag("log-warning", "boolean", "Warnings; on by default."),
      flag("log-error", "boolean", "Errors; on by default."),
      flag("log-format", "string", "default (LMMDD hh:mm:ss.ssssss) or ISO8601 (YYYY-MM-DDThh:mm:ssZ L)."),
      flag("log-file", "string", "File that takes the log instead of the console."),
    ],
  ],
  [
    "Model Repository",
    [
      flag("model-store", "string", "The same as --model-repository."),
      flag("model-repository", "string", "Folder of models; may be given several times."),
      flag("exit-on-error", "boolean", "End when a model fails to load at the start; on by default."),
      flag("disable-auto-complete-config", "", "Take configurations as they are written."),
      flag("strict-readiness", "boolean", "Ready only when every model is; on by default."),
      flag(
        "model-control-mode",
        "string",
        "none (default): load all once. poll: follow changes. explicit: load on request.",
      ),
      flag("repository-poll-secs", "integer", "Seconds between two polls in mode poll; 15 by default."),
      flag("load-model", "string", "Mode explicit: model to load at the start; * alone for all; may be repeated."),
      flag("model-config-name", "string", "Use configs/NAME.pbtxt of a model that has it."),
      flag("model-load-thread-count", "integer", NO_EFFECT),
      flag("model-load-retry-count", "integer", "How often a failed load is tried again; 0 by default."),
      flag("model-namespacing", "boolean", "Allow one name in several repositories; off by default."),
      flag("enable-peer-access", "boolean", NO_EFFECT),
    ],
  ],
  [
    "HTTP",
    [
      flag("allow-http", "boolean", "Open the HTTP port; on by default."),
      flag("http-address", "string", "Address of the HTTP port; 0.0.0.0 by default."),
      flag("http-port", "integer", "HTTP port; 8000 by default, 0 takes a free one."),
      flag("reuse-http-port", "boolean", NO_EFFECT),
      flag("http-header-forward-pattern", "string", "Headers whose names match become parameters of requests."),
      flag("http-thread-count", "integer", NO_EFFECT),
      flag("http-max-input-size", "integer", "Largest HTTP body in bytes; 67108864 by default."),
      flag("http-restricted-api", RESTRICT, "APIs that need a header: API[,API]:KEY=VALUE."),
    ],
  ],
  [
    "GRPC",
    [
      flag("allow-grpc", "boolean", "Open the gRPC port; on by default."),
      flag("grpc-address", "string", "Address of the gRPC port; 0.0.0.0 by default."),
      flag("grpc-port", "integer", "gRPC port; 8001 by default, 0 takes a free one."),
      flag("reuse-grpc-port", "boolean", NO_EFFECT),
      flag("grpc-header-forward-pattern", "string", "Metadata whose keys match become parameters of requests."),
      flag("grpc-infer-thread-count", "integer", NO_EFFECT),
      flag("grpc-infer-allocation-pool-size", "integer", NO_EFFECT),
      flag("grpc-max-response-pool-size", "integer", NO_EFFECT),
      flag("grpc-use-ssl", "boolean", "Refused when true: TLS is not served yet."),
      flag("grpc-use-ssl-mutual", "boolean", "Refused: TLS is not served yet."),
      flag("grpc-server-cert", "string", "PEM file of the server's certificate."),
      flag("grpc-server-key", "string", "PEM file of the server's key."),
      flag("grpc-root-cert", "string", "PEM file of the authority that signs clients' certificates."),
      flag("grpc-infer-response-compression-level", "string", "none (default), low, medium or high."),
      flag("grpc-keepalive-time", "integer", NO_EFFECT),
      flag("grpc-keepalive-timeout", "integer", NO_EFFECT),
      flag("grpc-keepalive-permit-without-calls", "boolean", NO_EFFECT),
      flag("grpc-http2-max-pings-without-data", "integer", NO_EFFECT),
      flag("grpc-http2-min-recv-ping-interval-without-data", "integer", NO_EFFECT),
      flag("grpc-http2-max-ping-strikes", "integer", NO_EFFECT),
      flag("grpc-max-connection-age", "integer", NO_EFFECT),
      flag("grpc-max-connection-age-grace", "integer", NO_EFFECT),
      flag("grpc-restricted-protocol", RESTRICT, "Protocols that need metadata: PROTOCOL[,PROTOCOL]:KEY=VALUE."),
    ],
  ],
  [
    "Metrics",
    [
      flag("allow-metrics", "boolean", "Open the metrics port; on by default."),
      flag("allow-gpu-metrics", "boolean", NO_EFFECT),
      flag("allow-cpu-metrics", "boolean", "The machine's processor and memory among the metrics; on by default."),
      flag("metrics-address", "string", "Address of the metrics port; that of HTTP by default."),
      flag("metrics-port", "integer", "Metrics port; 8002 by default, 0 takes a free one."),
      flag("metrics-interval-ms", "float", NO_EFFECT),
      flag("metrics-config", "<string>=<string>", "SETTING=VALUE, for example summary_latencies=true."),
    ],
  ],
  [
    "Backend",
    [
      flag("backend-directory", "string", "Accepted; backends are part of this server."),
      flag("backend-config", PAIR, "BACKEND,SETTING=VALUE, for example onnxruntime,default-max-batch-size=8."),
    ],
  ],
  ["Repository Agent", [flag("repoagent-directory", "string", "Accepted; there are no repository agents here.")]],
  [
    "Response Cache",
    [
      flag("cache-config", PAIR, "CACHE,SETTING=VALUE, for example local,size=1048576."),
      flag("cache-directory", "string", "Accepted; the local cache is part of this server."),
    ],
  ],
  [
    "Rate Limiter",
    [
      flag("rate-limit", "string", "off (default) or execution_count."),
      flag("rate-limit-resource", "<string>:<integer>:<integer>", "RESOURCE:COUNT[:DEVICE] that instances may take."),
    ],
  ],
  [
    "Memory and devices",
    [
      flag("pinned-memory-pool-byte-size", "integer", NO_EFFECT),
      flag("cuda-memory-pool-byte-size", "<integer>:<integer>", NO_EFFECT),
      flag("cuda-virtual-address-size", "<integer>:<integer>", NO_EFFECT),
      flag("min-supported-compute-capability", "float", NO_EFFECT),
      flag("buffer-manager-thread-count", "integer", NO_EFFECT),
      flag("host-policy", PAIR, NO_EFFECT),
      flag("model-load-gpu-limit", "<device_id>:<fraction>", NO_EFFECT),
      flag("allow-client-shm", "boolean", "Let clients register shared memory; off by default."),
    ],
  ],
  [
    "Deprecated",
    [
      flag("strict-model-config", "boolean", "Use --disable-auto-complete-config."),
      flag("response-cache-byte-size", "integer", "Use --cache-config=local,size=BYTES."),
    ],
  ],
];

export const FLAGS: readonly Flag[] = FLAG_GROUPS.flatMap(([, flags]) => flags);

export function usageText(): string {
  const lines = ["Usage: tritonserver [options]"];
  for (const [group, flags] of FLAG_GROUPS) {
    if (group) lines.push("", `${group}:`);
    for (const { name, argument, help } of flags)
      lines.push(`  --${name}${argument ? ` <${argument}>` : ""}`, `\t${help}`);
  }
  return `${lines.join("\n")}\n`;
}
