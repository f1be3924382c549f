/**
 * `tritonserver`'s command line → the options of `serve`, or a `UsageError` with Triton's text.
 */
import type { ServeOptions } from "../../runtime/server-options.js";
import { type Given, readCommandLine, UsageError } from "./getopt.js";
import { type Collected, HANDLERS } from "./handlers.js";

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
  const names = new Set(given.map(({ name }) => name));
  if (names.has("response-cache-byte-size") && names.has("cache-config"))
    throw new UsageError(
      [],
      [
        "",
        "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please provide one or the other.",
      ],
    );
  return finish(collected);
}

function emptyOptions(): Collected {
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

function take(options: Collected, { name, value }: Given, warn: (text: string) => void): void {
  const handler = HANDLERS[name];
  if (handler) handler(options, value, warn);
}

function finish(collected: Collected): ServeOptions {
  const { repositories, models, ports, addresses, allow, tls, restricted: _restricted, ...rest } = collected;
  const fail = (text: string): never => {
    throw new UsageError([], ["", text]);
  };
  if (rest.replay?.cassette === "") fail("--replay-match and --replay-timing are of a cassette: name it with --replay");
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
    ...(tls.use && {
      grpcTls: { certificate: tls.cert, key: tls.key, rootCertificate: tls.root, mutual: tls.mutual },
    }),
  };
}
