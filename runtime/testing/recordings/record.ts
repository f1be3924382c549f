/**
 * Stands between clients and a server, over gRPC and HTTP, and writes what goes by into a cassette.
 */

import { open } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { complete } from "../../../triton-protos/complete-message.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { inBackground } from "../../base/in-background.js";
import { type Client, connect } from "../../client/index.js";
import { callLine, type Exchange, exchangeLine, headLine, modelLine } from "../../server/recordings/cassette.js";
import type { Listener } from "../../server/transport/listen.js";
import { type GrpcTap, serveGrpcProxy } from "./grpc-proxy.js";
import { type HttpExchange, serveHttpProxy } from "./http-proxy.js";
import { maskHeaders } from "./mask-headers.js";
import type { ProxyTls } from "./proxy-tls.js";
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
  /** Of the target and of the listeners. */
  readonly tls?: ProxyTls;
  /** Names of headers whose values are secrets here, besides those that look like one. */
  readonly mask?: readonly string[];
  /** Hears what can't be kept, and why. */
  readonly warn?: (text: string) => void;
}

export interface Recording {
  readonly ports: { readonly grpc?: number; readonly http?: number };
  /** Requests kept so far. */
  readonly count: number;
  /** Resolves when the file is whole. */
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
  warn = () => {},
}: RecordOptions): Promise<Recording> {
  const target = grpc ?? http!;
  const client = await connect(target, tls.target && { tls: tls.target });
  const { name, version } = await client.serverMetadata().catch(async error => {
    await client.close();
    throw error;
  });
  const file = (
    await open(out, "w").catch(async error => {
      await client.close();
      throw new Error(`${out} can't be written: ${(error as Error).message}`, { cause: error });
    })
  ).createWriteStream();
  let isWritable = true;
  file.on("error", error => {
    if (isWritable) warn(`${out} is not written any more: ${error.message}`);
    isWritable = false;
  });
  const write = (line: string): void => {
    if (isWritable) file.write(`${line}\n`);
  };
  write(headLine(target, { name, version }));
  let count = 0;
  const configs = new Map<string, Promise<ModelConfig>>();
  const configOf = (model: string): Promise<ModelConfig> => {
    const known =
      configs.get(model) ??
      fetchConfig(client, model).then(config => {
        write(modelLine(model, config));
        return config;
      });
    configs.set(model, known);
    return known;
  };
  const pending = new Set<Promise<void>>();
  const follow = (work: Promise<void>): void => {
    pending.add(work);
    inBackground(
      work.finally(() => pending.delete(work)),
      "recording",
    );
  };
  const keep = (exchange: Omit<Exchange, "line">): void => {
    count++;
    follow(
      configOf(exchange.model)
        .catch(() => undefined)
        .then(() => write(exchangeLine({ ...exchange, line: 0 }))),
    );
  };
  const keepHttp = async (exchange: HttpExchange): Promise<void> => {
    const isPost = exchange.method === "POST";
    const place = isPost ? inferPath(exchange.path) : undefined;
    const generates = isPost ? generatePath(exchange.path) : undefined;
    const { method, path, answer } = exchange;
    try {
      if (place) return keep(await readHttpExchange(exchange, await configOf(place.model), mask));
      if (generates) return keep(await readGenerateExchange(exchange, await configOf(generates.model), mask));
    } catch (error) {
      warn(`${method} ${path} is kept without its tensors: ${(error as Error).message}`);
    }
    write(
      callLine({
        protocol: "http",
        method,
        path,
        status: answer?.status,
        headers: maskHeaders(exchange.headers, mask),
      }),
    );
  };
  const listeners: Listener[] = [];
  const url = (text: string): string => text.replace(/^grpc(s?):/, "http$1:");
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map(listener => listener.stop(0)));
    while (pending.size > 0) await Promise.all(pending);
    await client.close();
    if (!isWritable) return;
    isWritable = false;
    await new Promise<void>(resolve => file.end(resolve));
  };
  try {
    const ports: { grpc?: number; http?: number } = {};
    if (grpc) {
      const tap = (path: string, headers: IncomingHttpHeaders): GrpcTap => {
        const kept = maskHeaders(headers, mask);
        const lost = (reason: string): void => warn(`a request of ${path} is not kept: ${reason}`);
        if (path === INFER) return tapInfer(kept, keep, lost);
        if (path === STREAM_INFER) return tapStream(kept, keep, lost);
        return {
          request() {},
          answer() {},
          end: status => write(callLine({ protocol: "grpc", path, code: status?.code, headers: kept })),
        };
      };
      const listener = await serveGrpcProxy({ address, port: grpcPort }, url(grpc), tap, tls);
      listeners.push(listener);
      ports.grpc = listener.port;
    }
    if (http) {
      const tap = (exchange: HttpExchange): void => follow(keepHttp(exchange));
      const listener = await serveHttpProxy({ address, port: httpPort }, http, tap, tls);
      listeners.push(listener);
      ports.http = listener.port;
    }
    return {
      ports,
      get count() {
        return count;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Servers without configurations have metadata; shapes are whole there. */
async function fetchConfig(client: Client, model: string): Promise<ModelConfig> {
  try {
    return await client.modelConfig(model);
  } catch {
    const { inputs, outputs } = await client.modelMetadata(model);
    const tensor = ({ name, datatype, shape }: { name: string; datatype: string; shape: readonly number[] }) => ({
      name,
      data_type: datatype === "BYTES" ? "TYPE_STRING" : `TYPE_${datatype}`,
      dims: shape.length > 0 ? shape.map(Number) : [1],
    });
    return complete("inference.ModelConfig", {
      name: model,
      backend: "mock",
      input: inputs.map(tensor),
      output: outputs.map(tensor),
    });
  }
}
