/**
 * A server for the tests of this folder, one of node:http beside it, and a client that writes raw bytes.
 */
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Http1Handler } from "#runtime/server/transport/http1/connection.js";
import type { Exchange } from "#runtime/server/transport/http1/exchange.js";
import { DEFAULT_LIMITS, type Http1Limits } from "#runtime/server/transport/http1/limits.js";
import type { RequestHead } from "#runtime/server/transport/http1/request-head.js";
import { createHttp1Server } from "#runtime/server/transport/http1/serve.js";
import { listen } from "#runtime/server/transport/listen.js";

export interface Served {
  readonly port: number;
  stop(patience?: number): Promise<void>;
}

export async function serveHttp1(
  handler: Http1Handler,
  limits: Partial<Http1Limits> = {},
  budget?: MemoryBudget,
): Promise<Served> {
  const { server, drain } = createHttp1Server(handler, { ...DEFAULT_LIMITS, stallTime: 0, ...limits }, budget);
  const { port, stop } = await listen(server, { address: "127.0.0.1", port: 0 }, drain);
  return { port, stop: (patience = 1000) => stop(patience) };
}

/** The whole body of a request. */
export const bodyOf = (exchange: Exchange): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    exchange.readBody({
      data: (bytes, start, end) => void pieces.push(Buffer.from(bytes.subarray(start, end))),
      end: () => resolve(Buffer.concat(pieces)),
      cut: () => reject(new Error("cut")),
    });
  });

/** The parsed request, as JSON. */
const print = (method: string, url: string, minor: number, headers: object, body: Buffer): string =>
  JSON.stringify({ method, url, minor, headers: { ...headers }, body: body.toString("latin1") });
export const understand = ({ method, target, minor, headers }: RequestHead, body: Buffer): string =>
  print(method, target, minor, headers, body);

export const reply = (exchange: Exchange, text: string): void =>
  exchange.reply(200, [["Content-Length", Buffer.byteLength(text)]], [Buffer.from(text)]);

/** Answers with the parsed request. */
export const mirror: Http1Handler = exchange => {
  bodyOf(exchange).then(
    body => reply(exchange, understand(exchange.head, body)),
    () => {},
  );
};

/** The same by node:http, whose parser is the oracle. */
export async function serveNode(): Promise<Served> {
  const server = createServer({ maxHeaderSize: DEFAULT_LIMITS.maxHeadSize }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const { method, url, httpVersionMinor, headers } = request;
      const text = print(method!, url!, httpVersionMinor, headers, Buffer.concat(pieces));
      response.sendDate = false;
      response.writeHead(200, { "Content-Length": Buffer.byteLength(text) }).end(text);
    });
  });
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
}

/** A socket that sends nothing and takes everything, for a test that emits its bytes. */
export function idleSocket(): Socket {
  const socket = new Duplex({ read() {}, write: (_, __, done) => done() });
  return Object.assign(socket, { destroySoon: () => void socket.end() }) as unknown as Socket;
}

export interface Said {
  readonly text: string;
  /** The server ended the connection. */
  readonly ended: boolean;
}

/**
 * Writes parts unchanged, one character per byte. @param until stops listening when it matches @param patience milliseconds; most bytes
 * without a response get none at all
 */
export function talk(
  port: number,
  parts: Iterable<string>,
  until: (text: string) => boolean,
  patience = 5000,
): Promise<Said> {
  return new Promise(resolve => {
    let text = "";
    let ended = false;
    const socket = connect(port, "127.0.0.1", () => {
      for (const part of parts) socket.write(part, "latin1");
    });
    socket.setNoDelay();
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.on("data", chunk => {
      text += chunk.toString("latin1");
      if (until(text)) socket.destroy();
    });
    socket.on("end", () => {
      ended = true;
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ text, ended });
    });
  });
}

/** Status codes in their order, those of bodies separate. */
export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code]) => Number(code));
/** Enough responses have arrived, whole ones if they are `mirror`'s. */
export const answers =
  (count: number) =>
  (text: string): boolean =>
    statuses(text).length >= count && (text.endsWith("}") || text.endsWith("\r\n\r\n") || text.endsWith("."));
