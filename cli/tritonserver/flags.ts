/**
 * The flags of `tritonserver` and `merlon serve`: name → its argument and its effect here, in the groups in which `--help` prints them. A
 * flag that is taken for Triton's sake and changes nothing says so.
 */
export interface Flag {
  readonly name: string;
  /** As `--help` prints it; `""` for a flag without an argument. */
  readonly argument: string;
  /** The argument may be left out; one that is given follows `=`. */
  readonly optional?: true;
  readonly help: string;
  /** Accepted, checked, and without effect. */
  readonly inert?: true;
  /** Not a flag of Triton: it has to be written out, so that Triton's flags can be cut as short as there. */
  readonly own?: true;
}

const flag = (name: string, argument: string, help: string): Flag => ({ name, argument, help });
const own = (name: string, argument: string, help: string): Flag => ({ name, argument, help, own: true });
/** @param why what makes it pointless here */
const inert = (name: string, argument: string, why: string): Flag => ({
  name,
  argument,
  help: `Accepted but inert: ${why}.`,
  inert: true,
});
const PAIR = "<string>,<string>=<string>";
const RESTRICT = "<string>:<string>=<string>";
const NO_THREADS = "one event loop serves the port";
const OF_GPUS = "memory and devices of GPUs are left to ONNX Runtime";
const NO_POOL = "nothing is pooled";
const BUILT_IN = "they are part of this server";

export const FLAG_GROUPS: readonly (readonly [group: string, flags: readonly Flag[]])[] = [
  ["", [flag("help", "", "Print this text.")]],
  [
    "Server",
    [
      flag("id", "string", "Server name in the metadata (default triton)."),
      flag("address", "string", "Address of all ports (default 127.0.0.1 for merlon serve, 0.0.0.0 for tritonserver)."),
      flag("exit-timeout-secs", "integer", "Seconds for requests in flight at shutdown (default 30)."),
      own(
        "workers",
        "N|auto",
        "Processes that serve (default auto, for tritonserver 1); see docs/explanations/workers.md.",
      ),
      own(
        "cpu-affinity",
        "auto|SET[:SET]",
        "Processors of the workers (default: all; see docs/explanations/workers.md).",
      ),
      own("worker-timeout", "SECONDS", "Silence after which a worker is replaced (default 30, 0 for none)."),
      own("warm-up", "SECONDS", "Longest warm-up of a start or load (default 2)."),
      own("drain-delay", "SECONDS", "Seconds after SIGTERM of serving while not ready (default 0)."),
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
      flag("log-file", "string", "File for the log (default: the console)."),
    ],
  ],
  [
    "Model Repository",
    [
      flag("model-store", "string", "The same as --model-repository."),
      flag("model-repository", "string", "Folder of models, or s3://BUCKET/PREFIX (repeatable)."),
      flag("exit-on-error", "boolean", "End if a model fails to load (default true)."),
      flag("disable-auto-complete-config", "", "Take configurations as they are written."),
      flag("strict-readiness", "boolean", "Ready only if all models are (default true)."),
      flag(
        "model-control-mode",
        "string",
        "Model control: none (default), poll (follow changes) or explicit (load on request).",
      ),
      flag("repository-poll-secs", "integer", "Seconds between polls in mode poll (default 15)."),
      flag("load-model", "string", "Model to load at start in mode explicit (repeatable, * for all)."),
      flag("model-config-name", "string", "Use configs/NAME.pbtxt of a model that has it."),
      flag("model-load-thread-count", "integer", "Models loaded in parallel at start (default 4)."),
      flag("model-load-retry-count", "integer", "Retries of a failed load (default 0)."),
      flag("model-namespacing", "boolean", "Allow equal names in several repositories (default false)."),
      inert("enable-peer-access", "boolean", OF_GPUS),
    ],
  ],
  [
    "HTTP",
    [
      flag("allow-http", "boolean", "Open the HTTP port; on by default."),
      flag("http-address", "string", "Address of the HTTP port (default that of --address)."),
      flag("http-port", "integer", "HTTP port (default 8000, 0 for a free one)."),
      flag("reuse-http-port", "boolean", "Share the port with other such servers (Node 22.12 or newer)."),
      flag("http-header-forward-pattern", "string", "Headers whose names match become parameters of requests."),
      inert("http-thread-count", "integer", NO_THREADS),
      flag("http-max-input-size", "integer", "Largest HTTP body in bytes; 67108864 by default."),
      own(
        "http-allowed-origin",
        "ORIGIN[,ORIGIN]",
        "Origins of web pages that may call HTTP (repeatable, * for all). Other pages are refused.",
      ),
      flag("http-restricted-api", RESTRICT, "Restricted APIs (require a header): API[,API]:KEY=VALUE."),
    ],
  ],
  [
    "GRPC",
    [
      flag("allow-grpc", "boolean", "Open the gRPC port; on by default."),
      flag("grpc-address", "string", "Address of the gRPC port (default that of --address)."),
      flag("grpc-port", "integer", "gRPC port (default 8001, 0 for a free one)."),
      flag("reuse-grpc-port", "boolean", "Share the port with other such servers (Node 22.12 or newer)."),
      flag("grpc-header-forward-pattern", "string", "Metadata whose keys match become parameters of requests."),
      inert("grpc-infer-thread-count", "integer", NO_THREADS),
      inert("grpc-infer-allocation-pool-size", "integer", NO_POOL),
      inert("grpc-max-response-pool-size", "integer", NO_POOL),
      flag("grpc-use-ssl", "boolean", "TLS on the gRPC port; off by default."),
      flag("grpc-use-ssl-mutual", "boolean", "TLS with client certificates (default false)."),
      flag("grpc-server-cert", "string", "PEM file of the server's certificate."),
      flag("grpc-server-key", "string", "PEM file of the server's key."),
      flag("grpc-root-cert", "string", "PEM file of the clients' certificate authority."),
      flag(
        "grpc-infer-response-compression-level",
        "string",
        "Response compression: none (default), low, medium or high.",
      ),
      flag("grpc-keepalive-time", "integer", "Milliseconds between the server's pings (default 7200000)."),
      flag("grpc-keepalive-timeout", "integer", "Milliseconds to wait for a ping's response (default 20000)."),
      flag("grpc-keepalive-permit-without-calls", "boolean", "Ping connections without calls too; off by default."),
      inert("grpc-http2-max-pings-without-data", "integer", "pings of ours are far apart"),
      flag(
        "grpc-http2-min-recv-ping-interval-without-data",
        "integer",
        "Minimum milliseconds between a client's pings without calls (default 300000).",
      ),
      flag("grpc-http2-max-ping-strikes", "integer", "Early pings tolerated (default 2, 0 for all)."),
      flag("grpc-max-connection-age", "integer", "Milliseconds until a connection drains (default: no limit)."),
      flag(
        "grpc-max-connection-age-grace",
        "integer",
        "Milliseconds for calls of a draining connection (default: no limit).",
      ),
      flag("grpc-restricted-protocol", RESTRICT, "Protocols that need metadata: PROTOCOL[,PROTOCOL]:KEY=VALUE."),
    ],
  ],
  [
    "Metrics",
    [
      flag("allow-metrics", "boolean", "Open the metrics port; on by default."),
      inert("allow-gpu-metrics", "boolean", "GPUs are not measured"),
      flag("allow-cpu-metrics", "boolean", "CPU and memory metrics of the machine (default true)."),
      flag("metrics-address", "string", "Address of the metrics port (default: HTTP's)."),
      flag("metrics-port", "integer", "Metrics port (default 8002, 0 for a free one)."),
      flag("metrics-interval-ms", "float", "Milliseconds between updates of CPU metrics (default 2000)."),
      flag("metrics-config", "<string>=<string>", "SETTING=VALUE, for example summary_latencies=true."),
    ],
  ],
  [
    "Tracing",
    [
      flag(
        "allow-trace",
        "boolean",
        "Clients can read and change trace settings (default true). If false, the tracing API is absent.",
      ),
      flag(
        "trace-config",
        PAIR,
        "Traced requests, as [MODE,]SETTING=VALUE (level=TIMESTAMPS, level=TENSORS, rate=100, count=50, triton,file=trace.json, triton,log-frequency=50, mode=opentelemetry, opentelemetry,url=http://localhost:4318/v1/traces).",
      ),
      flag("trace-file", "string", "Older form of --trace-config triton,file=."),
      flag("trace-level", "string", "Older form of --trace-config level=."),
      flag("trace-rate", "integer", "Older form of --trace-config rate=."),
      flag("trace-count", "integer", "Older form of --trace-config count=."),
      flag("trace-log-frequency", "integer", "Older form of --trace-config triton,log-frequency=."),
    ],
  ],
  [
    "Backend",
    [
      inert("backend-directory", "string", BUILT_IN),
      flag("backend-config", PAIR, "BACKEND,SETTING=VALUE, for example onnxruntime,default-max-batch-size=8."),
    ],
  ],
  ["Repository Agent", [inert("repoagent-directory", "string", "there are none")]],
  [
    "Response Cache",
    [
      flag("cache-config", PAIR, "CACHE,SETTING=VALUE, for example local,size=1048576."),
      inert("cache-directory", "string", BUILT_IN),
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
    "Memory/Device Management",
    [
      inert("pinned-memory-pool-byte-size", "integer", OF_GPUS),
      inert("cuda-memory-pool-byte-size", "<integer>:<integer>", OF_GPUS),
      inert("cuda-virtual-address-size", "<integer>:<integer>", OF_GPUS),
      inert("min-supported-compute-capability", "float", OF_GPUS),
      inert("buffer-manager-thread-count", "integer", "inputs are not copied"),
      inert("host-policy", PAIR, "--cpu-affinity sets the processors of workers"),
      inert("model-load-gpu-limit", "<device_id>:<fraction>", OF_GPUS),
    ],
  ],
  ["Shared Memory", [flag("allow-client-shm", "boolean", "Let clients register shared memory; off by default.")]],
  [
    "Other front ends",
    [
      flag("allow-sagemaker", "boolean", "SageMaker's /ping and /invocations for one model (default false)."),
      flag("sagemaker-port", "integer", "8080 by default."),
      flag("sagemaker-safe-port-range", "<integer>-<integer>", "Allowed ports of SageMaker's front end."),
      inert("sagemaker-thread-count", "integer", NO_THREADS),
      flag(
        "allow-vertex-ai",
        "boolean",
        "Vertex AI's front end (default: true, and alone, if AIP_MODE is PREDICTION).",
      ),
      flag("vertex-ai-port", "integer", "AIP_HTTP_PORT by default, or 8080."),
      inert("vertex-ai-thread-count", "integer", NO_THREADS),
      flag("vertex-ai-default-model", "string", "Model for predictions (default: the only one)."),
    ],
  ],
  [
    "Merlon",
    [
      flag("seed", "integer", "Seed of sampling for requests without one."),
      flag("allow-model-code-upload", "boolean", "Load requests may contain code (default false)."),
      {
        name: "mock-stand-ins",
        argument: "boolean",
        optional: true,
        help: "model.mjs in a version folder answers in place of any back end; part of mock-missing.",
      },
      {
        name: "mock-missing",
        argument: "boolean",
        optional: true,
        help: "Mocks answer for every back end and model file that isn't here, from the configuration alone; docs/guides/testing.md.",
      },
      flag("replay", "string", "Cassette of merlon record that replaces its models."),
      flag("replay-match", "strict|nearest", "strict (default: equal requests only) or nearest."),
      flag("replay-timing", "boolean", "Replay with the recorded response times (default false)."),
      flag(
        "fault",
        "MODEL[/STAGE]:KIND[=VALUE][,SETTING=VALUE]",
        "Fault to inject (repeatable, for example ranker:error,rate=0.1; see docs/guides/testing.md).",
      ),
      flag("fault-admin-port", "integer", "Local port to add and remove faults (0 for a free one). Closed by default."),
      flag("stall-timeout-secs", "integer", "Seconds that a client may stop reading (default 30, 0 for no limit)."),
      flag(
        "memory-limit",
        "BYTES",
        "Memory limit of requests, responses and caches (bytes, or with KB, MB or GB; default 75 % of the container's or the machine's).",
      ),
      flag("max-plan-rows", "integer", "Rows of wide plan runs at a time (default 65536, 0 for no limit)."),
      flag("request-memory-ratio", "integer", "Decoded bytes per byte of a request (default 16, beside 1 MiB)."),
      flag(
        "triton-release",
        "YY.MM",
        "Triton release to report (with its default for --allow-client-shm; see docs/reference/triton-releases.md).",
      ),
      flag(
        "exposures",
        "DIR|kafka://…",
        "Folder for exposure logs, or kafka://HOST:PORT/TOPIC (see docs/guides/exposures.md).",
      ),
      flag("exposures-backpressure", "drop|block|fail", "Backpressure of the exposure log (default drop)."),
      flag("exposures-rotate", "SIZE|AGE", "Size or age of a finished file (repeatable; default 64MB and 5m)."),
      flag("exposures-salt-file", "FILE", "Key of hashed columns (at least 16 bytes)."),
      flag("verify-workflows", "string", "Workflow check at load: off, warn (default) or refuse."),
      flag(
        "gpu",
        "auto|none|cpu|cuda|webgpu",
        "Device of KIND_GPU models (auto: CUDA if usable, else WebGPU; cpu: run them on the CPU; webgpu: software devices too).",
      ),
    ],
  ],
  [
    "DEPRECATED",
    [
      flag("strict-model-config", "boolean", "Use --disable-auto-complete-config."),
      flag("response-cache-byte-size", "integer", "Use --cache-config=local,size=BYTES."),
    ],
  ],
];

export const FLAGS: readonly Flag[] = FLAG_GROUPS.flatMap(([, flags]) => flags);

/** All flags under their groups. */
export function flagList(): string {
  return FLAG_GROUPS.map(([group, flags]) => {
    const lines = flags.map(({ name, argument, optional, help }) => {
      const shown = optional ? `[=<${argument}>]` : argument && ` <${argument}>`;
      return `  --${name}${shown}\n\t${help}\n`;
    });
    return group ? `\n${group}:\n${lines.join("")}` : lines.join("");
  }).join("");
}

export const usageText = (): string => `Usage: tritonserver [options]\n${flagList()}`;
