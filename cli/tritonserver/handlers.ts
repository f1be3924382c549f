/**
 * The effect of each flag on the options: name → a function that reads the value, or throws Triton's text about it.
 */
import { tritonContainer } from "../../contract/triton-releases.js";
import type { Backpressure } from "../../runtime/server/exposures/exposure-log.js";
import type { ServeOptions } from "../../runtime/server/lifecycle/server-options.js";
import { readOrigins } from "../../runtime/server/transport/http/browser-access.js";
import { type CloudFlags, readRange } from "./cloud.js";
import { addTraceConfig } from "./trace-config.js";
import {
  readBoolean,
  readExposures,
  readFloat,
  readGpu,
  readInteger,
  readLimit,
  readMemory,
  readPort,
  readRatio,
  readRestriction,
  readRotation,
  readSeconds,
  readSeed,
  readSetting,
  readSize,
  readWorkers,
} from "./values.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The options while they are collected. */
export type Collected = Mutable<ServeOptions> & {
  readonly repositories: string[];
  readonly models: string[];
  readonly ports: { http: number; grpc: number; metrics: number };
  /** `all` is of ports without an address of their own. */
  readonly addresses: { all?: string; http?: string; grpc?: string; metrics?: string };
  readonly allow: { http: boolean; grpc: boolean; metrics: boolean };
  readonly tls: { use: boolean; mutual: boolean; cert: string; key: string; root: string };
  readonly cloud: CloudFlags;
  readonly restricted: { readonly http: Set<string>; readonly grpc: Set<string> };
};

export type Handler = (options: Collected, value: string, warn: (text: string) => void) => void;

const log =
  (key: "info" | "warning" | "error"): Handler =>
  (options, value) => {
    options.log = { ...options.log, [key]: readBoolean(value) };
  };
const restrict =
  (side: "http" | "grpc", flag: string, kind: string): Handler =>
  (options, value) => {
    for (const name of readRestriction(value, flag, kind).names) {
      if (options.restricted[side].has(name))
        throw new Error(`restricted ${kind} '${name}' can not be specified in multiple config groups`);
      options.restricted[side].add(name);
    }
    if (side === "http") options.httpRestrictedApis = [...(options.httpRestrictedApis ?? []), value];
    else options.grpcRestrictedProtocols = [...(options.grpcRestrictedProtocols ?? []), value];
  };
const oneOf = <T extends string>(value: string, allowed: readonly T[], flag: string): T => {
  const found = allowed.find(one => one === value);
  if (found !== undefined) return found;
  throw new Error(`invalid argument for --${flag}`);
};
/** An inert flag: its value is still checked. */
const check =
  (read: (text: string) => unknown): Handler =>
  (_, value) =>
    void read(value);
const pair = (text: string): void => {
  if (!/^[^:]+:[^:]+$/.test(text))
    throw new Error(
      `Cannot parse pair option due to incorrect number of inputs.--<pair option> argument requires format <first>:<second>. Found: ${text}`,
    );
};
const keepalive =
  (key: keyof NonNullable<ServeOptions["grpcConnections"]>, read: (text: string) => number | boolean): Handler =>
  (options, value) => {
    options.grpcConnections = { ...options.grpcConnections, [key]: read(value) };
  };
const cacheSetting = (options: Collected, name: string, key: string, value: string): void => {
  options.cacheConfig = { ...options.cacheConfig, [name]: { ...options.cacheConfig?.[name], [key]: value } };
};

export const HANDLERS: Readonly<Record<string, Handler>> = {
  id: (o, v) => (o.id = v),
  "exit-timeout-secs": (o, v) => (o.exitTimeoutSeconds = readInteger(v)),
  "drain-delay": (o, v) => (o.drainDelaySeconds = readSeconds(v, "drain-delay")),
  "warm-up": (o, v) => (o.warmUpSeconds = readSeconds(v, "warm-up")),
  "log-verbose": (o, v) =>
    (o.log = { ...o.log, verbose: /^(true|false)$/i.test(v) ? Number(readBoolean(v)) : readInteger(v) }),
  "log-info": log("info"),
  "log-warning": log("warning"),
  "log-error": log("error"),
  "log-format": (o, v) => (o.log = { ...o.log, format: oneOf(v, ["default", "ISO8601"], "log-format") }),
  "log-file": (o, v) => (o.logFile = v),
  "model-store": (o, v) => o.repositories.push(v),
  "model-repository": (o, v) => o.repositories.push(v),
  "exit-on-error": (o, v) => (o.exitOnError = readBoolean(v)),
  "disable-auto-complete-config": o => (o.disableAutoComplete = true),
  "strict-model-config": (o, v) => (o.disableAutoComplete = readBoolean(v)),
  "strict-readiness": (o, v) => (o.strictReadiness = readBoolean(v)),
  "model-control-mode": (o, v) =>
    (o.modelControlMode = oneOf(v.toLowerCase(), ["none", "poll", "explicit"], "model-control-mode")),
  "repository-poll-secs": (o, v) => (o.repositoryPollSeconds = readInteger(v)),
  "load-model": (o, v) => o.models.push(v),
  "model-config-name": (o, v) => {
    if (!v) throw new Error("Error: empty argument for --model-config-name");
    o.modelConfigName = v;
  },
  "model-load-thread-count": (o, v) => (o.modelLoadThreads = Math.max(1, readInteger(v))),
  "model-load-retry-count": (o, v) => (o.modelLoadRetries = readInteger(v)),
  "model-namespacing": (o, v) => (o.modelNamespacing = readBoolean(v)),
  "enable-peer-access": check(readBoolean),
  address: (o, v) => (o.addresses.all = v),
  "allow-http": (o, v) => (o.allow.http = readBoolean(v)),
  "http-address": (o, v) => (o.addresses.http = v),
  "http-port": (o, v) => (o.ports.http = readInteger(v)),
  "reuse-http-port": (o, v) => (o.reuseHttpPort = readBoolean(v)),
  "http-thread-count": check(readInteger),
  "http-max-input-size": (o, v) => {
    const size = readSize(v);
    if (size <= 0) throw new Error("Error: --http-max-input-size must be greater than 0.");
    o.httpMaxInputSize = size;
  },
  "http-allowed-origin": (o, v) => (o.httpAllowedOrigins = [...(o.httpAllowedOrigins ?? []), ...readOrigins(v)]),
  "http-restricted-api": restrict("http", "http-restricted-api", "api"),
  "allow-grpc": (o, v) => (o.allow.grpc = readBoolean(v)),
  "grpc-address": (o, v) => (o.addresses.grpc = v),
  "grpc-port": (o, v) => (o.ports.grpc = readInteger(v)),
  "reuse-grpc-port": (o, v) =>
    (o.reuseGrpcPort = /^(true|on)$/i.test(v) || (!/^(false|off)$/i.test(v) && readInteger(v) !== 0)),
  "grpc-infer-thread-count": (_, v) => {
    const count = readInteger(v);
    if (count < 2 || count > 128)
      throw new Error("invalid argument for --grpc_infer_thread_count. Must be in the range 2 to 128.");
  },
  "grpc-infer-allocation-pool-size": check(readInteger),
  "grpc-max-response-pool-size": check(readInteger),
  "grpc-use-ssl": (o, v) => (o.tls.use = readBoolean(v)),
  "grpc-use-ssl-mutual": (o, v) => {
    o.tls.mutual = readBoolean(v);
    o.tls.use = true;
  },
  "grpc-server-cert": (o, v) => (o.tls.cert = v),
  "grpc-server-key": (o, v) => (o.tls.key = v),
  "grpc-root-cert": (o, v) => (o.tls.root = v),
  "grpc-infer-response-compression-level": (o, v) =>
    (o.grpcCompression = oneOf(
      v.toLowerCase(),
      ["none", "low", "medium", "high"],
      "grpc_infer_response_compression_level",
    )),
  "grpc-keepalive-time": keepalive("keepaliveTime", readInteger),
  "grpc-keepalive-timeout": keepalive("keepaliveTimeout", readInteger),
  "grpc-keepalive-permit-without-calls": keepalive("permitWithoutCalls", readBoolean),
  "grpc-http2-max-pings-without-data": check(readInteger),
  "grpc-http2-min-recv-ping-interval-without-data": keepalive("minPingInterval", readInteger),
  "grpc-http2-max-ping-strikes": keepalive("maxPingStrikes", readInteger),
  "grpc-max-connection-age": keepalive("maxAge", readInteger),
  "grpc-max-connection-age-grace": keepalive("maxAgeGrace", readInteger),
  "grpc-restricted-protocol": restrict("grpc", "grpc-restricted-protocol", "protocol"),
  "allow-metrics": (o, v) => (o.allow.metrics = readBoolean(v)),
  "allow-gpu-metrics": check(readBoolean),
  "allow-cpu-metrics": (o, v) => (o.allowCpuMetrics = readBoolean(v)),
  "metrics-address": (o, v) => (o.addresses.metrics = v),
  "metrics-port": (o, v) => (o.ports.metrics = readInteger(v)),
  "metrics-interval-ms": (o, v) => (o.metricsIntervalMs = readFloat(v)),
  "metrics-config": (o, v) => {
    const [name, key, setting] = readSetting(v, "metrics-config", "<setting>=<value>", false);
    // A setting of one family of metrics: `histogram,…` has its own name in front.
    o.metricsConfig = { ...o.metricsConfig, [name ? `${name},${key}` : key]: setting };
  },
  "http-header-forward-pattern": (o, v) => (o.httpHeaderForwardPattern = v),
  "grpc-header-forward-pattern": (o, v) => (o.grpcHeaderForwardPattern = v),
  "allow-trace": (o, v) => (o.allowTrace = readBoolean(v)),
  "trace-config": (o, v) => (o.trace = addTraceConfig(v, o.trace)),
  "trace-file": (o, v) => (o.trace = addTraceConfig(`triton,file=${v}`, o.trace)),
  "trace-level": (o, v) => (o.trace = addTraceConfig(`level=${v}`, o.trace)),
  "trace-rate": (o, v) => (o.trace = addTraceConfig(`rate=${v}`, o.trace)),
  "trace-count": (o, v) => (o.trace = addTraceConfig(`count=${v}`, o.trace)),
  "trace-log-frequency": (o, v) => (o.trace = addTraceConfig(`triton,log-frequency=${v}`, o.trace)),
  "backend-directory": check(text => text),
  "backend-config": (o, v) => {
    const [name, key, setting] = readSetting(v, "backend-config", "<backend name>,<setting>=<value>");
    o.backendConfig = { ...o.backendConfig, [name]: { ...o.backendConfig?.[name], [key]: setting } };
  },
  "repoagent-directory": check(text => text),
  "cache-config": (o, v) => {
    const [name, key, setting] = v.includes(",")
      ? readSetting(v, "cache-config", "<cache name>,<setting>=<value>")
      : ["", "", ""];
    if (!name)
      throw new Error(`No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got ${v}`);
    cacheSetting(o, name, key, setting);
  },
  "cache-directory": (o, v) => (o.cacheDirectory = v),
  "rate-limit": (o, v) => (o.rateLimit = oneOf(v.toLowerCase(), ["execution_count", "off"], "rate-limit") !== "off"),
  "rate-limit-resource": (o, v) => {
    const found = /^(?<name>[^:]+):(?<count>\d+)(?::(?<device>\d+))?$/.exec(v);
    if (!found?.groups)
      throw new Error(
        `--rate-limit-resource option format is '<resource_name>:<count>:<device>' or '<resource_name>:<count>'. Got ${v}`,
      );
    const { name, count, device } = found.groups;
    const resource = { name: name!, count: Number(count), ...(device !== undefined && { device: Number(device) }) };
    o.rateLimitResources = [...(o.rateLimitResources ?? []), resource];
  },
  "pinned-memory-pool-byte-size": check(readSize),
  "cuda-memory-pool-byte-size": check(pair),
  "cuda-virtual-address-size": check(pair),
  "min-supported-compute-capability": check(readFloat),
  "buffer-manager-thread-count": check(readInteger),
  "host-policy": check(v => readSetting(v, "host-policy", "<policy name>,<setting>=<value>")),
  "model-load-gpu-limit": check(pair),
  "allow-client-shm": (o, v) => (o.allowClientShm = readBoolean(v)),
  "allow-sagemaker": (o, v) => (o.cloud.sageMaker = readBoolean(v)),
  "sagemaker-port": (o, v) => (o.cloud.sageMakerPort = readInteger(v)),
  "sagemaker-safe-port-range": (o, v) => (o.cloud.sageMakerRange = readRange(v)),
  "sagemaker-thread-count": check(readInteger),
  "allow-vertex-ai": (o, v) => (o.cloud.vertexAi = readBoolean(v)),
  "vertex-ai-port": (o, v) => (o.cloud.vertexAiPort = readInteger(v)),
  "vertex-ai-thread-count": check(readInteger),
  "vertex-ai-default-model": (o, v) => (o.cloud.vertexAiModel = v),
  gpu: (o, v) => (o.gpu = readGpu(v)),
  "allow-model-code-upload": (o, v) => (o.allowModelCodeUpload = readBoolean(v)),
  "mock-stand-ins": (o, v) => (o.mockStandIns = v === "" || readBoolean(v)),
  "mock-missing": (o, v) => (o.mockMissing = v === "" || readBoolean(v)),
  replay: (o, v) => (o.replay = { ...o.replay, cassette: v }),
  "replay-match": (o, v) => {
    o.replay = {
      cassette: "",
      ...o.replay,
      match: oneOf<"strict" | "nearest">(v, ["strict", "nearest"], "replay-match"),
    };
  },
  "replay-timing": (o, v) => {
    o.replay = { cassette: "", ...o.replay, timing: readBoolean(v) };
  },
  fault: (o, v) => (o.faults = [...(o.faults ?? []), v]),
  "fault-admin-port": (o, v) => (o.faultAdminPort = readPort(v)),
  workers: (o, v) => (o.workers = readWorkers(v)),
  "cpu-affinity": (o, v) => (o.cpuAffinity = v),
  "worker-timeout": (o, v) => (o.workerTimeoutSeconds = readSeconds(v, "worker-timeout")),
  seed: (o, v) => (o.seed = readSeed(v)),
  "stall-timeout-secs": (o, v) => (o.stallTimeoutSeconds = readInteger(v)),
  "memory-limit": (o, v) => (o.memoryLimit = readMemory(v)),
  "max-plan-rows": (o, v) => (o.maxPlanRows = readLimit(v, "max-plan-rows")),
  "request-memory-ratio": (o, v) => (o.requestMemoryRatio = readRatio(v)),
  exposures: (o, v) => (o.exposures = { ...o.exposures, folder: readExposures(v) }),
  "exposures-backpressure": (o, v) =>
    (o.exposures = {
      folder: "",
      ...o.exposures,
      backpressure: oneOf<Backpressure>(v, ["drop", "block", "fail"], "exposures-backpressure"),
    }),
  "exposures-rotate": (o, v) => (o.exposures = { folder: "", ...o.exposures, ...readRotation(v) }),
  "exposures-salt-file": (o, v) => (o.exposures = { folder: "", ...o.exposures, saltFile: v }),
  "verify-workflows": (o, v) => (o.verifyWorkflows = oneOf(v, ["off", "warn", "refuse"], "verify-workflows")),
  "triton-release": (o, v) => (o.tritonRelease = tritonContainer(v).release),
  "response-cache-byte-size": (o, v, warn) => {
    const size = readSize(v);
    warn(
      `Warning: '--response-cache-byte-size' has been deprecated! This will default to the 'local' cache implementation with the provided byte size for its config. Please use '--cache-config' instead. The equivalent --cache-config CLI args would be: '--cache-config=local,size=${size}'`,
    );
    cacheSetting(o, "local", "size", String(size));
  },
};
