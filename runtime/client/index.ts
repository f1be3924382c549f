/**
 * `merlon/client`: calls any server that speaks KServe v2 (Triton, Merlon, MLServer, OpenVINO, KServe), over gRPC or HTTP.
 * @example
 * await using client = await connect("grpc://localhost:8001");
 * const { ordered_ids } = await client.infer("recommend", { user_id: [7n] });
 */
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import type { ConnectOptions } from "./call-options.js";
import { checkDrift, createClient } from "./client.js";
import { wrong } from "./client-error.js";
import type { Client } from "./client-interface.js";
import { openHttp, type Platform, parseUrl } from "./connect.js";
import type { EnsembleLike, ModelsOf } from "./ensemble-types.js";
import { grpcTransport } from "./grpc/transport.js";
import { nodeSender } from "./http/node-sender.js";
import type { ModelTypes } from "./model-types.js";
import type { Transport } from "./wire-call.js";

export * from "./public.js";

const pack = { gzip: promisify<Uint8Array, Buffer>(gzip), deflate: promisify<Uint8Array, Buffer>(deflate) };
const platform: Platform = {
  sender: (origin, { tls, keepAlive, connections = 64 }) => nodeSender(origin, { tls, keepAlive, connections }),
  compress: (body, encoding) => pack[encoding](body),
  acceptsEncoding: true,
};

/**
 * Opens a client. Nothing is sent before the first call, except with `models`: then the server is checked for these at once.
 * @param url `grpc://host:8001`, `grpcs://…`, `http://host:8000`, `https://…`
 * @typeParam T models as `merlon typegen` wrote them, or the type of an ensemble: `connect<typeof recommend>(…)`
 * @throws DriftError, or InvalidRequestError for a URL that is none
 */
export async function connect<T extends ModelTypes | EnsembleLike = ModelTypes>(
  url: string,
  options: ConnectOptions = {},
): Promise<Client<ModelsOf<T>>> {
  const client = createClient<ModelsOf<T>>(openTransport(parseUrl(url), options), options);
  try {
    await checkDrift(client as unknown as Client, options);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}

function openTransport(url: URL, options: ConnectOptions): Transport {
  if (/^https?:$/.test(url.protocol)) return openHttp(url, options, platform);
  if (!/^grpcs?:$/.test(url.protocol))
    throw wrong(`${url.protocol}// is not known here: write grpc://, grpcs://, http:// or https://`);
  const secure = url.protocol === "grpcs:";
  return grpcTransport({
    authority: url.port ? url.host : `${url.host}:${secure ? 443 : 8001}`,
    secure,
    tls: options.tls,
    keepAlive: options.keepAlive,
    connectTimeout: options.connectTimeout ?? 10_000,
    compression: options.compression,
    userAgent: "merlon-client",
  });
}
