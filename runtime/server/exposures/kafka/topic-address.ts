/** `kafka://HOST:PORT[,HOST:PORT]/TOPIC`: where an exposure log is a topic and not a folder. */
import { readFileSync } from "node:fs";
import { maskAddress, Secret } from "../../../../contract/secret.js";

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const COMPRESSIONS = ["zstd", "gzip", "none"] as const;

/** It holds names of environment variables and files, and no secret: threads are given it as it is. */
export interface TopicAddress {
  /** `host:port`. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly compression: (typeof COMPRESSIONS)[number];
  /** Present for `kafkas:`. Paths of PEM files. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** `user` and `password` are names of environment variables. */
  readonly sasl?: {
    readonly mechanism: (typeof MECHANISMS)[number];
    readonly user: string;
    readonly password: string;
  };
  /** The address without its options, for messages. */
  readonly shown: string;
}

const FORM = "kafka://HOST:PORT[,HOST:PORT]/TOPIC";
const OPTIONS = ["compression", "sasl", "user", "password", "ca", "cert", "key"] as const;
type Option = (typeof OPTIONS)[number];

/** Whether an exposure log is a topic. */
export const isTopicAddress = (text: string): boolean => /^kafkas?:/i.test(text);

/** @throws Error that names the part that is wrong, without the values of credentials */
export function readTopicAddress(text: string): TopicAddress {
  const fail = (what: string): never => {
    throw new Error(`${maskAddress(text)}: ${what}`);
  };
  if (/^[^?]*@/.test(text))
    fail("an address is visible to other users: name the credentials by `sasl=…&user=env:NAME&password=env:NAME`");
  const [, scheme = "", hosts = "", topic = "", query = ""] =
    /^(kafkas?):\/\/([^/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/i.exec(text) ?? [];
  if (scheme === "") fail(`\`${FORM}\` is expected`);
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === "." || topic === "..")
    fail("the name of a topic has at most 249 letters, digits, dots, underscores and hyphens");
  const options = readOptions(query, fail);
  const sasl = readSasl(options, fail);
  const isSecure = scheme.toLowerCase() === "kafkas";
  const { ca, cert, key } = options;
  if (!isSecure && (ca ?? cert ?? key) !== undefined) fail("`ca`, `cert` and `key` belong to TLS: write `kafkas://`");
  if ((cert === undefined) !== (key === undefined)) fail("`cert` and `key` belong together");
  return {
    brokers: hosts.split(",").map(host => readBroker(host, fail)),
    topic,
    compression:
      oneOf(options.compression ?? "zstd", COMPRESSIONS) ?? fail(`\`compression\` is ${COMPRESSIONS.join(", ")}`),
    ...(isSecure && { tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert, key: key! }) } }),
    ...(sasl && { sasl }),
    shown: maskAddress(text),
  };
}

type Fail = (what: string) => never;

const oneOf = <const T extends string>(text: string, all: readonly T[]): T | undefined =>
  all.find(one => one.toLowerCase() === text.toLowerCase());

function readOptions(query: string, fail: Fail): Partial<Record<Option, string>> {
  const options: Partial<Record<Option, string>> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const known = OPTIONS.find(one => one === name) ?? fail(`the options are ${OPTIONS.join(", ")}, not ${name}`);
    if (options[known] !== undefined || value === "") fail(`\`${known}\` has one value`);
    options[known] = value;
  }
  return options;
}

function readSasl({ sasl, user, password }: Partial<Record<Option, string>>, fail: Fail): TopicAddress["sasl"] {
  if (sasl === undefined) {
    if ((user ?? password) !== undefined) fail("`user` and `password` need `sasl`, such as `sasl=SCRAM-SHA-512`");
    return undefined;
  }
  const mechanism = oneOf(sasl, MECHANISMS) ?? fail(`\`sasl\` is one of ${MECHANISMS.join(", ")}`);
  const variable = (option: "user" | "password", text = ""): string =>
    /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text)?.[1] ??
    fail(`\`${option}\` names an environment variable: \`${option}=env:KAFKA_${option.toUpperCase()}\``);
  return { mechanism, user: variable("user", user), password: variable("password", password) };
}

function readBroker(host: string, fail: Fail): string {
  const [, name = "", port = "9092"] = /^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(host) ?? [];
  if (name === "" || Number(port) < 1 || Number(port) > 65_535) fail(`'${host}' is not HOST:PORT`);
  return `${name}:${port}`;
}

/** The secrets and files that an address names. */
export interface TopicAccess {
  readonly user?: Secret;
  readonly password?: Secret;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** @throws Error for a variable that is not set, or a file that cannot be read */
export function openAccess({ sasl, tls, shown }: TopicAddress, env: NodeJS.ProcessEnv = process.env): TopicAccess {
  const secret = (name: string): Secret => {
    const value = env[name];
    if (value) return new Secret(value);
    throw new Error(`${shown}: the environment variable ${name} is not set`);
  };
  const file = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      throw new Error(`${shown}: '${path}' cannot be read: ${(error as Error).message}`);
    }
  };
  return {
    ...(sasl && { user: secret(sasl.user), password: secret(sasl.password) }),
    ...(tls && { tls: Object.fromEntries(Object.entries(tls).map(([name, path]) => [name, file(path)])) }),
  };
}
