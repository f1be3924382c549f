/**
 * The server that the page shows, called over its HTTP port: calls of the page's own, and calls that the page passes on.
 */
import { type IncomingMessage, request, type ServerResponse } from "node:http";

export interface ShownServer {
  readonly address: string;
  readonly port: number;
  /** `API[,API]:KEY=VALUE`, as the server restricts its APIs. The page's users need the keys too. */
  readonly restricted?: readonly string[];
}

export interface Asked {
  readonly status: number;
  readonly text: string;
}

/** Calls of the page's own server, by the API that may restrict them. */
const NEEDED: readonly (readonly [api: string, call: RegExp])[] = [
  // Before metadata, whose pattern would take `stats` for the name of a model.
  ["statistics", /^GET \/v2\/models\/([^/]+\/)?stats$/],
  ["metadata", /^GET \/v2(\/models\/[^/]+(\/versions\/[^/]+)?)?$/],
  ["model-repository", /^POST \/v2\/repository\/index$/],
  ["inference", /^POST \/v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer$/],
];

function keyOf({ restricted = [] }: ShownServer, method: string, path: string): Readonly<Record<string, string>> {
  const api = NEEDED.find(([, call]) => call.test(`${method} ${path.split("?")[0]}`))?.[0];
  for (const rule of restricted) {
    const [, apis, key, value] = /^([^:]+):([^=]+)=(.*)$/s.exec(rule) ?? [];
    if (api !== undefined && apis?.split(",").includes(api)) return { [key!.toLowerCase()]: value! };
  }
  return {};
}

/** A server on every address is called on the nearest. */
const hostOf = ({ address }: ShownServer): string =>
  address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;

export function ask(server: ShownServer, method: string, path: string, body?: string): Promise<Asked> {
  return new Promise((done, fail) => {
    const headers = keyOf(server, method, path);
    const call = request({ host: hostOf(server), port: server.port, method, path, headers }, got => {
      const chunks: Buffer[] = [];
      got.on("data", chunk => chunks.push(chunk)).on("error", fail);
      got.on("end", () => done({ status: got.statusCode!, text: Buffer.concat(chunks).toString() }));
    });
    call.on("error", fail).end(body);
  });
}

/**
 * The same call to the HTTP port, with the keys entered in the page, streamed both ways. @param safe headers of every response of the page
 */
export function pass(
  server: ShownServer,
  asked: IncomingMessage,
  answer: ServerResponse,
  safe: Readonly<Record<string, string>>,
): Promise<void> {
  return new Promise((done, fail) => {
    const { host: _, origin: __, ...headers } = asked.headers;
    const at = { host: hostOf(server), port: server.port };
    const call = request({ ...at, method: asked.method, path: asked.url, headers }, got => {
      answer.writeHead(got.statusCode!, { ...got.headers, ...safe });
      got.pipe(answer).on("finish", done).on("error", fail);
    });
    call.on("error", fail);
    answer.on("close", () => call.destroy());
    asked.pipe(call);
  });
}
