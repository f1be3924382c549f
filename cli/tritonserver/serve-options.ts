/**
 * `tritonserver`'s command line → the options of `serve`, or a `UsageError` with Triton's text.
 */
import { isTopicAddress } from "../../runtime/server/exposures/kafka/topic-address.js";
import type { ServeOptions } from "../../runtime/server/lifecycle/server-options.js";
import { cloudFlags, cloudOptions, type Environment, predicts } from "./cloud.js";
import { type Given, readCommandLine, UsageError } from "./getopt.js";
import { type Collected, HANDLERS } from "./handlers.js";
import { readBoolean } from "./values.js";

/**
 * @param program what the shell called: it begins the messages about unknown flags
 * @param warn takes notes about deprecated flags
 * @param address where ports listen whose address no flag gives; the default is Triton's
 * @throws UsageError
 */
export function serveOptions(
  words: readonly string[],
  program = "tritonserver",
  warn: (text: string) => void = () => {},
  env: Environment = process.env,
  address = "0.0.0.0",
): ServeOptions {
  const { given, rest, fault } = readCommandLine(words, program);
  const collected = emptyOptions(env);
  for (const one of given) {
    const instead = DEPRECATED[one.name];
    if (instead !== undefined) warn(`Warning: '--${one.name}' has been deprecated${instead}`);
    try {
      take(collected, one, warn);
    } catch (error) {
      throw new UsageError([], ["", `Bad option: "--${one.name}".`, (error as Error).message]);
    }
  }
  if (fault) throw fault;
  if (rest.length > 0) throw new UsageError([], ["", `Unexpected argument: ${rest[0]}`]);
  const names = new Set(given.map(({ name }) => name));
  if (names.has("disable-auto-complete-config")) {
    const strict = given.findLast(({ name }) => name === "strict-model-config");
    if (strict && !readBoolean(strict.value))
      warn(
        "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of '--disable-auto-complete-config'!",
      );
    collected.disableAutoComplete = true;
  }
  if (names.has("response-cache-byte-size") && names.has("cache-config"))
    throw new UsageError(
      [],
      [
        "",
        "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please provide one or the other.",
      ],
    );
  return finish(collected, env, address);
}

/** Triton's text about flags with a successor, with its own quotation marks. */
const traceConfig = (setting: string): string =>
  ` and will be removed in future releases. Please use '--trace-config ${setting} instead.`;
const DEPRECATED: Readonly<Record<string, string>> = {
  "strict-model-config": "! Please use '--disable-auto-complete-config' instead.",
  "trace-file": traceConfig("triton,file=<filepath>"),
  "trace-level": traceConfig("level=<OFF|TIMESTAMPS|TENSORS>"),
  "trace-rate": traceConfig("rate=<rate value>"),
  "trace-count": traceConfig("count=<count value>"),
  "trace-log-frequency": traceConfig("triton,log-frequency=<log frequency value>"),
};

function emptyOptions(env: Environment): Collected {
  return {
    modelRepositories: [],
    warmUpSeconds: 2,
    repositories: [],
    models: [],
    ports: { http: 8000, grpc: 8001, metrics: 8002 },
    addresses: {},
    allow: { http: !predicts(env), grpc: !predicts(env), metrics: true },
    cloud: cloudFlags(env),
    tls: { use: false, mutual: false, cert: "", key: "", root: "" },
    restricted: { http: new Set(), grpc: new Set() },
    log: env.TRITON_SERVER_ESCAPE_LOG_MESSAGES === "0" ? { escape: false } : {},
  };
}

function take(options: Collected, { name, value }: Given, warn: (text: string) => void): void {
  const handler = HANDLERS[name];
  if (handler) handler(options, value, warn);
}

function finish(collected: Collected, env: Environment, address: string): ServeOptions {
  const { repositories, models, ports, addresses, allow, tls, cloud, restricted: _restricted, ...rest } = collected;
  const fail = (text: string): never => {
    throw new UsageError([], ["", text]);
  };
  if (rest.replay?.cassette === "") fail("--replay-match and --replay-timing are of a cassette: name it with --replay");
  if (rest.exposures?.folder === "")
    fail(
      "--exposures-backpressure, --exposures-rotate and --exposures-salt-file are of a log: name its folder with --exposures",
    );
  if (rest.exposures && isTopicAddress(rest.exposures.folder)) {
    const { rotateBytes, rotateSeconds } = rest.exposures;
    if ((rotateBytes ?? rotateSeconds) !== undefined)
      fail("--exposures-rotate is of files, and --exposures names a topic");
  }
  if (models.length > 0 && rest.modelControlMode !== "explicit")
    fail("Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.");
  const all = addresses.all ?? address;
  const http = addresses.http ?? all;
  const bound = { http, grpc: addresses.grpc ?? all, metrics: addresses.metrics ?? http };
  const opened: readonly (readonly [name: string, on: boolean, address: string, port: number])[] = [
    ["HTTP", allow.http, bound.http, ports.http],
    ["GRPC", allow.grpc, bound.grpc, ports.grpc],
    ["metrics", allow.metrics, bound.metrics, ports.metrics],
    ["SageMaker", cloud.sageMaker, bound.http, cloud.sageMakerPort],
    ["Vertex AI", cloud.vertexAi, bound.http, cloud.vertexAiPort],
  ];
  const open = opened.filter(([, on]) => on);
  for (const [i, [first, , address, port]] of open.entries())
    for (const [second] of open
      .slice(i + 1)
      .filter(([, , at, other]) => port !== 0 && other === port && at === address))
      fail(
        `The server cannot listen to ${first} requests and ${second} requests at the same address and port ${address}:${port}`,
      );
  const [lowest, highest] = cloud.sageMakerRange ?? [];
  if (cloud.sageMaker && lowest !== undefined && highest !== undefined)
    for (const [name, , address, port] of open)
      if (name !== "SageMaker" && address === bound.http && (port < lowest || port > highest))
        fail(
          `The server cannot listen to ${name} requests at port ${port}, allowed port range is [${lowest}, ${highest}]`,
        );
  const endpoint = (name: "http" | "grpc" | "metrics") => allow[name] && { port: ports[name], address: bound[name] };
  return {
    ...rest,
    ...cloudOptions(cloud, bound.http, env),
    modelRepositories: repositories.length === 0 && env.AIP_STORAGE_URI ? [env.AIP_STORAGE_URI] : repositories,
    loadModels: models,
    http: endpoint("http"),
    grpc: endpoint("grpc"),
    metrics: endpoint("metrics"),
    ...(tls.use && {
      grpcTls: { certificate: tls.cert, key: tls.key, rootCertificate: tls.root, mutual: tls.mutual },
    }),
  };
}
