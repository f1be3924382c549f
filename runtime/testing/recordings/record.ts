/**
 * A proxy between clients and a server, over gRPC and HTTP, which records requests and responses in a cassette.
 */

import type { IncomingHttpHeaders } from "node:http";
import { connect } from "../../client/index.js";
import { callLine, headLine } from "../../server/recordings/cassette-line.js";
import type { Listener } from "../../server/transport/listen.js";
import { type CassetteWriter, createCassette } from "./cassette-writer.js";
import { type GrpcTap, serveGrpcProxy } from "./grpc-proxy.js";
import { type HttpExchange, serveHttpProxy } from "./http-proxy.js";
import { createOrder } from "./in-order.js";
import { maskHeaders } from "./mask-headers.js";
import type { ProxyTls } from "./proxy-tls.js";
import { MOST_WAITING } from "./record-file.js";
import { generatePath, readGenerateExchange } from "./record-generate.js";
import { INFER, STREAM_INFER, tapInfer, tapStream } from "./record-grpc.js";
import { inferPath, readHttpExchange } from "./record-http.js";

export interface RecordOptions {
  /** `grpc://host:8001`, `grpcs://…`; without it nothing listens for gRPC. */
  readonly grpc?: string | undefined;
  /** `http://host:8000`, `https://…` */
  readonly http?: string | undefined;
  readonly out: string;
  readonly address?: string;
  /** 0, the default, takes a free port. */
  readonly grpcPort?: number;
  readonly httpPort?: number;
  /** TLS of the target and of the listeners. */
  readonly tls?: ProxyTls;
  /** Names of headers whose values are secrets here, besides those that look like one. */
  readonly mask?: readonly string[];
  /** Milliseconds in which the server must answer the recorder's own calls: its name, and the models' configurations. @default 10,000 */
  readonly deadline?: number;
  /** Called with each exchange that can't be recorded, and the reason. */
  readonly warn?: (text: string) => void;
}

export interface Recording {
  readonly ports: { readonly grpc?: number; readonly http?: number };
  /** Requests that are in the file. */
  readonly kept: number;
  /** Requests that were not recorded: they can't be read, or the file can't be written. */
  readonly lost: number;
  /** Why the file is not written any more. */
  readonly fault: Error | undefined;
  /** Resolves when everything is written, or can't be. */
  stop(): Promise<void>;
}

/** @throws ClientError when the server can't be reached, ListenError when a port is taken */
export async function record({
  grpc,
  http,
  out,
  address = "127.0.0.1",
  grpcPort = 0,
  httpPort = 0,
  tls = {},
  mask = [],
  deadline = 10_000,
  warn = () => {},
}: RecordOptions): Promise<Recording> {
  const target = grpc ?? http!;
  const client = await connect(target, { deadline, ...(tls.target && { tls: tls.target }) });
  const cassette = await client
    .serverMetadata()
    .then(async ({ name, version }) => {
      const opened = await createCassette(out, client, warn);
      opened.write(headLine(target, { name, version }));
      return opened;
    })
    .catch(async error => {
      await client.close();
      throw error;
    });
  const listeners: Listener[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map(listener => listener.stop(0)));
    await cassette.settled();
    await client.close();
    await cassette.file.close();
  };
  const keeping: Keeping = { cassette, mask, warn };
  const ports: { grpc?: number; http?: number } = {};
  try {
    if (grpc) {
      const url = grpc.replace(/^grpc(s?):/, "http$1:");
      const tap = (path: string, headers: IncomingHttpHeaders) => tapGrpc(keeping, path, headers);
      const listener = await serveGrpcProxy({ address, port: grpcPort }, url, tap, tls);
      listeners.push(listener);
      ports.grpc = listener.port;
    }
    if (http) {
      const listener = await serveHttpProxy({ address, port: httpPort }, http, tapHttp(keeping), tls);
      listeners.push(listener);
      ports.http = listener.port;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ports,
    get kept() {
      return cassette.file.kept;
    },
    get lost() {
      return cassette.file.lost;
    },
    get fault() {
      return cassette.file.fault;
    },
    stop,
  };
}

/** The target and the options of a recording. */
interface Keeping extends Required<Pick<RecordOptions, "mask" | "warn">> {
  readonly cassette: CassetteWriter;
}

function tapGrpc({ cassette, mask, warn }: Keeping, path: string, headers: IncomingHttpHeaders): GrpcTap {
  const kept = maskHeaders(headers, mask);
  const lost = (reason: string): void => {
    cassette.file.lose();
    warn(`a request of ${path} is not kept: ${reason}`);
  };
  if (path === INFER) return tapInfer(kept, cassette.keep, lost);
  if (path === STREAM_INFER) return tapStream(kept, cassette.keep, lost);
  return {
    request() {},
    answer() {},
    unreadable() {},
    end: status => cassette.write(callLine({ protocol: "grpc", path, code: status?.code, headers: kept })),
  };
}

/** Keeps requests in the order of their ends. */
function tapHttp(keeping: Keeping): (exchange: HttpExchange) => void {
  const { cassette, warn } = keeping;
  const inOrder = createOrder(MOST_WAITING);
  let isBehind = false;
  return exchange => {
    const bytes = exchange.body.length + (exchange.answer?.body.length ?? 0);
    const kept = inOrder(bytes, () => keepHttp(keeping, exchange));
    if (kept) return cassette.follow(kept);
    cassette.file.lose();
    if (!isBehind) warn("HTTP requests arrive faster than they are read: some are not recorded");
    isBehind = true;
  };
}

/** Keeps an inference request with its tensors, as far as they can be read; of another call, that it was made. */
async function keepHttp({ cassette, mask, warn }: Keeping, exchange: HttpExchange): Promise<void> {
  const { method, path, answer, headers } = exchange;
  const isPost = method === "POST";
  const place = isPost ? inferPath(path) : undefined;
  const generates = isPost ? generatePath(path) : undefined;
  try {
    if (place) return cassette.keep(await readHttpExchange(exchange, await cassette.configOf(place.model), mask));
    if (generates)
      return cassette.keep(await readGenerateExchange(exchange, await cassette.configOf(generates.model), mask));
  } catch (error) {
    cassette.file.lose();
    warn(`${method} ${path} is kept without its tensors: ${(error as Error).message}`);
  }
  cassette.write(
    callLine({ protocol: "http", method, path, status: answer?.status, headers: maskHeaders(headers, mask) }),
  );
}
