/**
 * The flags of `tritonserver` and `merlon serve`: name → what its argument is and what it does here, in the groups in which `--help`
 * prints them. A flag that is taken for Triton's sake and changes nothing says so.
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
      flag("id", "string", "Name of the server in its metadata; triton by default."),
      flag("address", "string", "Address of all ports (default 127.0.0.1 for merlon serve, 0.0.0.0 for tritonserver)."),
      flag("exit-timeout-secs", "integer", "How long requests in flight may take at the end; 30 by default."),
      own(
        "drain-delay",
        "SECONDS",
        "Time after SIGTERM in which the server is not ready and still serves new requests (default 0).",
      ),
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
      flag("model-load-thread-count", "integer", "How many models load at a time at the start; 4 by default."),
      flag("model-load-retry-count", "integer", "How often a failed load is tried again; 0 by default."),
      flag("model-namespacing", "boolean", "Allow one name in several repositories; off by default."),
      inert("enable-peer-access", "boolean", OF_GPUS),
    ],
  ],
  [
    "HTTP",
    [
      flag("allow-http", "boolean", "Open the HTTP port; on by default."),
      flag("http-address", "string", "Address of the HTTP port (default that of --address)."),
      flag("http-port", "integer", "HTTP port; 8000 by default, 0 takes a free one."),
      flag("reuse-http-port", "boolean", "Share the port with servers that say so too; needs Node 22.12 or newer."),
      flag("http-header-forward-pattern", "string", "Headers whose names match become parameters of requests."),
      inert("http-thread-count", "integer", NO_THREADS),
      flag("http-max-input-size", "integer", "Largest HTTP body in bytes; 67108864 by default."),
      own(
        "http-allowed-origin",
        "ORIGIN[,ORIGIN]",
        "Origins of web pages that may call the HTTP ports, * for all; may be repeated. Other pages are refused.",
      ),
      flag("http-restricted-api", RESTRICT, "APIs that need a header: API[,API]:KEY=VALUE."),
    ],
  ],
  [
    "GRPC",
    [
      flag("allow-grpc", "boolean", "Open the gRPC port; on by default."),
      flag("grpc-address", "string", "Address of the gRPC port (default that of --address)."),
      flag("grpc-port", "integer", "gRPC port; 8001 by default, 0 takes a free one."),
      flag("reuse-grpc-port", "boolean", "Share the port with servers that say so too; needs Node 22.12 or newer."),
      flag("grpc-header-forward-pattern", "string", "Metadata whose keys match become parameters of requests."),
      inert("grpc-infer-thread-count", "integer", NO_THREADS),
      inert("grpc-infer-allocation-pool-size", "integer", NO_POOL),
      inert("grpc-max-response-pool-size", "integer", NO_POOL),
      flag("grpc-use-ssl", "boolean", "TLS on the gRPC port; off by default."),
      flag("grpc-use-ssl-mutual", "boolean", "TLS, and clients need a certificate too; off by default."),
      flag("grpc-server-cert", "string", "PEM file of the server's certificate."),
      flag("grpc-server-key", "string", "PEM file of the server's key."),
      flag("grpc-root-cert", "string", "PEM file of the authority that signs clients' certificates."),
      flag(
        "grpc-infer-response-compression-level",
        "string",
        "How inference responses are packed: none (default), low, medium or high.",
      ),
      flag("grpc-keepalive-time", "integer", "Milliseconds between two pings of ours; 7200000 by default."),
      flag("grpc-keepalive-timeout", "integer", "Milliseconds that a ping may stay unanswered; 20000 by default."),
      flag("grpc-keepalive-permit-without-calls", "boolean", "Ping connections without calls too; off by default."),
      inert("grpc-http2-max-pings-without-data", "integer", "pings of ours are far apart"),
      flag(
        "grpc-http2-min-recv-ping-interval-without-data",
        "integer",
        "Shortest time between a client's pings without calls, in milliseconds; 300000 by default.",
      ),
      flag("grpc-http2-max-ping-strikes", "integer", "How many earlier pings are forgiven; 2 by default, 0 for all."),
      flag(
        "grpc-max-connection-age",
        "integer",
        "Milliseconds after which a connection is asked to go; never by default.",
      ),
      flag(
        "grpc-max-connection-age-grace",
        "integer",
        "Milliseconds that its calls may still take; endless by default.",
      ),
      flag("grpc-restricted-protocol", RESTRICT, "Protocols that need metadata: PROTOCOL[,PROTOCOL]:KEY=VALUE."),
    ],
  ],
  [
    "Metrics",
    [
      flag("allow-metrics", "boolean", "Open the metrics port; on by default."),
      inert("allow-gpu-metrics", "boolean", "GPUs are not measured"),
      flag("allow-cpu-metrics", "boolean", "The machine's processor and memory among the metrics; on by default."),
      flag("metrics-address", "string", "Address of the metrics port; that of HTTP by default."),
      flag("metrics-port", "integer", "Metrics port; 8002 by default, 0 takes a free one."),
      flag("metrics-interval-ms", "float", "How old the machine's figures may be; 2000 by default."),
      flag("metrics-config", "<string>=<string>", "SETTING=VALUE, for example summary_latencies=true."),
    ],
  ],
  [
    "Tracing",
    [
      flag(
        "allow-trace",
        "boolean",
        "Clients may read and change settings of tracing; on by default. Off, the server answers as a Triton built without it.",
      ),
      flag(
        "trace-config",
        PAIR,
        "[MODE,]SETTING=VALUE: which requests are traced. level=TIMESTAMPS, level=TENSORS, rate=100, count=50, triton,file=trace.json, triton,log-frequency=50, mode=opentelemetry, opentelemetry,url=http://localhost:4318/v1/traces.",
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
      inert("pinned-memory-pool-byte-size", "integer", `${OF_GPUS}; shown at the start`),
      inert("cuda-memory-pool-byte-size", "<integer>:<integer>", OF_GPUS),
      inert("cuda-virtual-address-size", "<integer>:<integer>", OF_GPUS),
      inert("min-supported-compute-capability", "float", `${OF_GPUS}; shown at the start`),
      inert("buffer-manager-thread-count", "integer", "inputs are not copied"),
      inert("host-policy", PAIR, "threads are not bound to cores"),
      inert("model-load-gpu-limit", "<device_id>:<fraction>", OF_GPUS),
    ],
  ],
  ["Shared Memory", [flag("allow-client-shm", "boolean", "Let clients register shared memory; off by default.")]],
  [
    "Other front ends",
    [
      flag("allow-sagemaker", "boolean", "SageMaker's /ping and /invocations, of a single model; off by default."),
      flag("sagemaker-port", "integer", "8080 by default."),
      flag(
        "sagemaker-safe-port-range",
        "<integer>-<integer>",
        "Ports that may be opened where SageMaker's front end is on.",
      ),
      inert("sagemaker-thread-count", "integer", NO_THREADS),
      flag(
        "allow-vertex-ai",
        "boolean",
        "Vertex AI's front end; on by default, and alone, where AIP_MODE is PREDICTION.",
      ),
      flag("vertex-ai-port", "integer", "AIP_HTTP_PORT by default, or 8080."),
      inert("vertex-ai-thread-count", "integer", NO_THREADS),
      flag("vertex-ai-default-model", "string", "The model of predictions; the only one by default."),
    ],
  ],
  [
    "Merlon",
    [
      flag("seed", "integer", "Makes the sampling of requests that name no seed repeatable."),
      flag(
        "allow-model-code-upload",
        "boolean",
        "Load requests may bring code, and choose backends that run code; off by default.",
      ),
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
      flag(
        "replay",
        "string",
        "Cassette of merlon record that answers for its models; without --model-repository for nothing else.",
      ),
      flag(
        "replay-match",
        "strict|nearest",
        "strict (default): only equal requests are answered; nearest: the nearest.",
      ),
      flag("replay-timing", "boolean", "Answers take as long as they took; off by default."),
      flag(
        "fault",
        "MODEL[/STAGE]:KIND[=VALUE][,SETTING=VALUE]",
        "Something that goes wrong on purpose, for example ranker:error,rate=0.1; may be repeated; docs/guides/testing.md.",
      ),
      flag(
        "fault-admin-port",
        "integer",
        "Opens the call that adds and takes away faults, on this machine only; 0 takes a free port. Closed by default.",
      ),
      flag(
        "stall-timeout-secs",
        "integer",
        "How long a client may read nothing of an answer that waits for it, before it is cut off; 30 by default, 0 for any time.",
      ),
      flag(
        "memory-limit",
        "BYTES",
        "Memory that requests, responses and caches may hold together, as bytes or with KB, MB or GB (default 75 % of the container's or the machine's).",
      ),
      flag(
        "request-memory-ratio",
        "integer",
        "Bytes that a request may unpack and decode to for each byte of its body, beside 1 MiB (default 16).",
      ),
      flag(
        "triton-release",
        "YY.MM",
        "Names the version of that Triton release, with its default for --allow-client-shm; docs/reference/triton-releases.md.",
      ),
      flag("verify-workflows", "string", "off, warn (default) or refuse: golden rows and fit of workflows at load."),
      flag(
        "gpu",
        "auto|none|cuda|webgpu",
        "Where models with KIND_GPU run: CUDA where its provider and a device are there, else WebGPU on the device of this machine; webgpu takes a software device too.",
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
