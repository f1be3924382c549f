/** The options that say where the server is, and the client that they open. */

import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { defined } from "../../contract/defined.js";
import { editDistance } from "../../contract/edit-distance.js";
import { readNamed } from "../../contract/files/file-fault.js";
import type { Client } from "../../runtime/client/index.js";

/** TLS towards a server. */
export interface TlsFlags {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly insecure?: true;
}

export interface ConnectionOptions extends TlsFlags {
  readonly url: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly deadline?: number;
  readonly retry?: number;
  readonly compression?: "gzip" | "deflate";
  readonly json?: true;
}

const pair = (value: string, all: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
  const at = value.search(/[:=]/);
  if (at < 1) throw new InvalidArgumentError('Write it as "name: value".');
  return { ...all, [value.slice(0, at).trim()]: value.slice(at + 1).trim() };
};

export const positive = (value: string): number => {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError("It is a number above 0.");
  return number;
};

/** Milliseconds that a server has for an answer; null for calls that take as long as they take. */
export const ANSWER_MS = 60_000;

/** Adds the options of a connection to a command. @param deadline milliseconds for each call, unless `--deadline` gives others */
export const connected = (command: Command, deadline: number | null = ANSWER_MS): Command =>
  command
    .option(
      "-u, --url <url>",
      "grpc://, grpcs://, http:// or https://; also MERLON_URL",
      process.env.MERLON_URL ?? "grpc://localhost:8001",
    )
    .option("-H, --header <name: value>", "sent with every call; may be repeated", pair)
    .option("--deadline <ms>", "timeout of a request", positive, deadline ?? undefined)
    .option("--retry <n>", "maximum attempts while the server is unavailable", positive)
    .option("--ca <file>", "TLS: PEM of the server's certificate authority")
    .option("--cert <file>", "TLS: PEM of this client's certificate")
    .option("--key <file>", "TLS: PEM of this client's key")
    .option("--server-name <name>", "TLS: the name in the server's certificate")
    .option("--insecure", "TLS: take any certificate")
    .option("--compression <name>", "pack requests: gzip or deflate")
    .option("--json", "print JSON");

/** Opens a client for one command and closes it after it. */
export async function withClient<T>(options: ConnectionOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const { connect } = await import("../../runtime/client/index.js");
  const { url, header, deadline, retry, ca, cert, key, serverName, insecure, compression } = options;
  const client = await connect(url, {
    ...defined({ headers: header, deadline, retry, compression }),
    tls: {
      ...(ca && { ca: readNamed("--ca", ca, path => readFileSync(path)) }),
      ...(cert && { cert: readNamed("--cert", cert, path => readFileSync(path)) }),
      ...(key && { key: readNamed("--key", key, path => readFileSync(path)) }),
      ...(serverName && { serverName }),
      ...(insecure && { verify: false }),
    },
  });
  try {
    return await use(client);
  } catch (error) {
    throw await withModels(error, client);
  } finally {
    await client.close();
  }
}

/** Adds the server's models to its error about a model that it does not have. */
async function withModels(error: unknown, client: Client): Promise<unknown> {
  const [, wanted] = (error instanceof Error && /^Request for unknown model: '([^']+)'/.exec(error.message)) || [];
  if (wanted === undefined) return error;
  // Not every server lists its models.
  const models = await client.index().catch(() => []);
  const names = [...new Set(models.map(({ name }) => name))].filter(name => name !== wanted);
  const near = names.filter(name => editDistance(name, wanted) <= Math.max(1, wanted.length / 3));
  const shown = names
    .slice(0, 5)
    .map(name => `\`${name}\``)
    .join(", ");
  const more = names.length > 5 ? ", …" : "";
  if (near.length > 0) (error as Error).message += `. Did you mean \`${near[0]}\`?`;
  else if (names.length > 0) (error as Error).message += `. The server has ${shown}${more}`;
  return error;
}

/** JSON of values with big integers. */
export const printJson = (value: unknown): string =>
  `${JSON.stringify(
    value,
    (_, item) =>
      typeof item === "bigint"
        ? Number.isSafeInteger(Number(item))
          ? Number(item)
          : String(item)
        : item instanceof Uint8Array
          ? Buffer.from(item).toString("base64")
          : item,
    2,
  )}\n`;
