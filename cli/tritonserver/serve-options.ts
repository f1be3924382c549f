/**
 * `tritonserver`'s command line → the options of `serve`, or a `UsageError` with Triton's text.
 */
import type { ServeOptions } from "../../runtime/server-options.js";
import { type Given, readCommandLine, UsageError } from "./getopt.js";
import { readBoolean, readInteger, readPort, readRestriction, readSetting, readSize } from "./values.js";

/**
 * @param program what the shell called: it begins the messages about unknown flags
 * @param warn takes notes about deprecated flags
 * @throws UsageError
 */
export function serveOptions(
  words: readonly string[],
  program = "tritonserver",
  warn: (text: string) => void = () => {},
): ServeOptions {
  const { given, rest, fault } = readCommandLine(words, program);
  const collected = emptyOptions();
  for (const one of given) {
    if (one.name === "strict-model-config")
      warn(
        "Warning: '--strict-model-config' has been deprecated! Please use '--disable-auto-complete-config' instead.",
      );
    try {
      take(collected, one, warn);
    } catch (error) {
      throw new UsageError([], ["", `Bad option: "--${one.name}".`, (error as Error).message]);
    }
  }
  if (fault) throw fault;
  if (rest.length > 0) throw new UsageError([], ["", `Unexpected argument: ${rest[0]}`]);
  return finish(collected);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Options = Mutable<ServeOptions> & {
  readonly repositories: string[];
  readonly models: string[];
  readonly ports: { http: number; grpc: number; metrics: number };
  readonly addresses: { http: string; grpc: string; metrics?: string };
  readonly allow: { http: boolean; grpc: boolean; metrics: boolean };
  readonly tls: { use: boolean; mutual: boolean; cert: string; key: string; root: string };
  readonly restricted: { readonly http: Set<string>; readonly grpc: Set<string> };
};

function emptyOptions(): Options {
  return {
    modelRepositories: [],
    repositories: [],
    models: [],
    ports: { http: 8000, grpc: 8001, metrics: 8002 },
    addresses: { http: "0.0.0.0", grpc: "0.0.0.0" },
    allow: { http: true, grpc: true, metrics: true },
    tls: { use: false, mutual: false, cert: "", key: "", root: "" },
    restricted: { http: new Set(), grpc: new Set() },
    log: {},
  };
}

function take(options: Options, { name, value }: Given, warn: (text: string) => void): void {
  const handler = HANDLERS[name];
  if (handler) handler(options, value, warn);
}

const log =
  (key: "info" | "warning" | "error") =>
  (options: Options, value: string): void => {
    options.log = { ...options.log, [key]: readBoolean(value) };
  };
const restrict =
  (side: "http" | "grpc", flag: string, kind: string) =>
  (options: Options, value: string): void => {
    for (const name of readRestriction(value, flag, kind).names) {
      if (options.restricted[side].has(name))
        throw new Error(`restricted ${kind} '${name}' can not be specified in multiple config groups`);
      options.restricted[side].add(name);
    }
    if (side === "http") options.httpRestrictedApis = [...(options.httpRestrictedApis ?? []), value];
    else options.grpcRestrictedProtocols = [...(options.grpcRestrictedProtocols ?? []), value];
  };
const oneOf = (value: string, allowed: readonly string[], flag: string): string => {
  if (allowed.includes(value)) return value;
  throw new Error(`invalid argument for --${flag}`);
};
const check = (read: (text: string) => unknown) => (_: Options, value: string) => void read(value);

const HANDLERS: Readonly<Record<string, (options: Options, value: string, warn: (text: string) => void) => void>> = {
  id: (o, v) => (o.id = v),
  "exit-timeout-secs": (o, v) => (o.exitTimeoutSeconds = readInteger(v)),
  "log-verbose": (o, v) =>
    (o.log = { ...o.log, verbose: /^(true|false)$/i.test(v) ? Number(readBoolean(v)) : readInteger(v) }),
  "log-info": log("info"),
  "log-warning": log("warning"),
  "log-error": log("error"),
  "log-format": (o, v) => (o.log = { ...o.log, format: oneOf(v, ["default", "ISO8601"], "log-format") as "default" }),
  "log-file": (o, v) => (o.logFile = v),
  "model-store": (o, v) => o.repositories.push(v),
  "model-repository": (o, v) => o.repositories.push(v),
  "exit-on-error": (o, v) => (o.exitOnError = readBoolean(v)),
  "disable-auto-complete-config": o => (o.disableAutoComplete = true),
  "strict-model-config": (o, v) => (o.disableAutoComplete = readBoolean(v)),
  "strict-readiness": (o, v) => (o.strictReadiness = readBoolean(v)),
  "model-control-mode": (o, v) =>
    (o.modelControlMode = oneOf(v.toLowerCase(), ["none", "poll", "explicit"], "model-control-mode") as "none"),
  "repository-poll-secs": (o, v) => (o.repositoryPollSeconds = readInteger(v)),
  "load-model": (o, v) => o.models.push(v),
  "model-config-name": (o, v) => {
    if (!v) throw new Error("Error: empty argument for --model-config-name");
    o.modelConfigName = v;
  },
  "model-load-thread-count": check(readInteger),
  "model-load-retry-count": (o, v) => (o.modelLoadRetries = readInteger(v)),
  "model-namespacing": (o, v) => (o.modelNamespacing = readBoolean(v)),
  "enable-peer-access": check(readBoolean),
  "allow-http": (o, v) => (o.allow.http = readBoolean(v)),
  "http-address": (o, v) => (o.addresses.http = v),
  "http-port": (o, v) => (o.ports.http = readPort(v)),
  "reuse-http-port": check(readBoolean),
  "http-thread-count": check(readInteger),
  "http-max-input-size": (o, v) => {
    const size = readSize(v);
    if (size <= 0) throw new Error("Error: --http-max-input-size must be greater than 0.");
    o.httpMaxInputSize = size;
  },
  "http-restricted-api": restrict("http", "http-restricted-api", "api"),
  "allow-grpc": (o, v) => (o.allow.grpc = readBoolean(v)),
  "grpc-address": (o, v) => (o.addresses.grpc = v),
  "grpc-port": (o, v) => (o.ports.grpc = readPort(v)),
  "reuse-grpc-port": check(readInteger),
  "grpc-infer-thread-count": (_, v) => {
    const count = readInteger(v);
    if (count < 2 || count > 128)
      throw new Error("invalid argument for --grpc_infer_thread_count. Must be in the range 2 to 128.");
  },
  "grpc-use-ssl": (o, v) => (o.tls.use = readBoolean(v)),
  "grpc-use-ssl-mutual": (o, v) => {
    o.tls.mutual = readBoolean(v);
    o.tls.use = true;
  },
  "grpc-server-cert": (o, v) => (o.tls.cert = v),
  "grpc-server-key": (o, v) => (o.tls.key = v),
  "grpc-root-cert": (o, v) => (o.tls.root = v),
  "grpc-infer-response-compression-level": (_, v) =>
    void oneOf(v.toLowerCase(), ["none", "low", "medium", "high"], "grpc_infer_response_compression_level"),
  "grpc-restricted-protocol": restrict("grpc", "grpc-restricted-protocol", "protocol"),
  "allow-metrics": (o, v) => (o.allow.metrics = readBoolean(v)),
  "allow-gpu-metrics": check(readBoolean),
  "allow-cpu-metrics": (o, v) => (o.allowCpuMetrics = readBoolean(v)),
  "metrics-address": (o, v) => (o.addresses.metrics = v),
  "metrics-port": (o, v) => (o.ports.metrics = readPort(v)),
  "metrics-config": (o, v) => {
    const [, key, setting] = readSetting(v, "metrics-config", "<setting>=<value>");
    o.metricsConfig = { ...o.metricsConfig, [key]: setting };
  },
  "http-header-forward-pattern": (o, v) => {
    o.httpHeaderForwardPattern = v;
  },
  "grpc-header-forward-pattern": (o, v) => {
    o.grpcHeaderForwardPattern = v;
  },
  "backend-config": (o, v) => {
    const [name, key, setting] = readSetting(v, "backend-config", "<backend name>,<setting>=<value>");
    o.backendConfig = { ...o.backendConfig, [name]: { ...o.backendConfig?.[name], [key]: setting } };
  },
  "cache-config": (o, v) => {
    const [name, key, setting] = v.includes(",")
      ? readSetting(v, "cache-config", "<cache name>,<setting>=<value>")
      : ["", "", ""];
    if (!name)
      throw new Error(`No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got ${v}`);
    if (name === "local" && key === "size") o.cacheSize = readSize(setting);
  },
  "rate-limit": (o, v) => (o.rateLimit = oneOf(v.toLowerCase(), ["execution_count", "off"], "rate-limit") !== "off"),
  "rate-limit-resource": (o, v) => {
    const found = /^(?<name>[^:]+):(?<count>\d+)(?::(?<device>\d+))?$/.exec(v);
    if (!found?.groups)
      throw new Error(
        `--rate-limit-resource option format is '<resource_name>:<count>:<device>' or '<resource_name>:<count>'. Got ${v}`,
      );
    o.rateLimitResources = { ...o.rateLimitResources, [found.groups.name!]: Number(found.groups.count) };
  },
  "pinned-memory-pool-byte-size": check(readSize),
  "host-policy": check(v => readSetting(v, "host-policy", "<policy name>,<setting>=<value>")),
  "model-load-gpu-limit": check(v => {
    if (!v.includes(":"))
      throw new Error(
        `Cannot parse pair option due to incorrect number of inputs.--<pair option> argument requires format <first>:<second>. Found: ${v}`,
      );
  }),
  "allow-client-shm": (o, v) => (o.allowClientShm = readBoolean(v)),
  "response-cache-byte-size": (_, v, warn) =>
    warn(
      `Warning: '--response-cache-byte-size' has been deprecated! This will default to the 'local' cache implementation with the provided byte size for its config. Please use '--cache-config' instead. The equivalent --cache-config CLI args would be: '--cache-config=local,size=${readSize(v)}'`,
    ),
};

function finish(collected: Options): ServeOptions {
  if (collected.tls.use)
    throw new UsageError(
      [],
      ["", "TLS on the gRPC port is not served yet; leave out --grpc-use-ssl and put a TLS proxy in front of the port"],
    );
  const { repositories, models, ports, addresses, allow, tls: _tls, restricted: _restricted, ...rest } = collected;
  const fail = (text: string): never => {
    throw new UsageError([], ["", text]);
  };
  if (models.length > 0 && rest.modelControlMode !== "explicit")
    fail("Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.");
  const bound = { ...addresses, metrics: addresses.metrics ?? addresses.http };
  const pairs = [
    ["http", "grpc", "HTTP", "GRPC"],
    ["http", "metrics", "HTTP", "metrics"],
    ["grpc", "metrics", "GRPC", "metrics"],
  ] as const;
  for (const [a, b, first, second] of pairs)
    if (allow[a] && allow[b] && ports[a] !== 0 && ports[a] === ports[b] && bound[a] === bound[b])
      fail(
        `The server cannot listen to ${first} requests and ${second} requests at the same address and port ${bound[a]}:${ports[a]}`,
      );
  const endpoint = (name: "http" | "grpc" | "metrics") => allow[name] && { port: ports[name], address: bound[name] };
  return {
    ...rest,
    modelRepositories: repositories,
    loadModels: models,
    http: endpoint("http"),
    grpc: endpoint("grpc"),
    metrics: endpoint("metrics"),
  };
}
