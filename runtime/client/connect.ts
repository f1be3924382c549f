/**
 * A URL and options → a client that talks HTTP. `index.ts` adds gRPC, where there is Node.
 */
import type { ConnectOptions } from "./call-options.js";
import { wrong } from "./client-error.js";
import type { HttpSender } from "./http/send.js";
import { httpTransport } from "./http/transport.js";
import type { Transport } from "./wire-call.js";

export interface Platform {
  readonly sender: (origin: string, options: ConnectOptions) => HttpSender;
  readonly compress?: (body: Uint8Array, encoding: "gzip" | "deflate") => Promise<Uint8Array>;
  /** True if compressed responses may be requested: browsers do that by themselves. */
  readonly acceptsEncoding: boolean;
}

/** @throws InvalidRequestError if it is not a URL of this kind */
export function parseUrl(url: string): URL {
  if (!/^[a-z]+:\/\//.test(url))
    throw wrong(
      `"${url}" says no protocol: write grpc://${url || "localhost:8001"} or http://${url || "localhost:8000"}`,
    );
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw wrong(`"${url}" is not a URL: write grpc://localhost:8001 or http://localhost:8000`);
  }
  if (!parsed.hostname) throw wrong(`"${url}" names no host`);
  return parsed;
}

export function openHttp(url: URL, options: ConnectOptions, platform: Platform): Transport {
  const origin = url.origin;
  const base = url.pathname.replace(/\/(v2\/?)?$/, "");
  const { compression } = options;
  const { compress } = platform;
  return httpTransport({
    address: `${origin}${base}`,
    base,
    binary: options.binary ?? "auto",
    sender: platform.sender(origin, options),
    compress:
      compression && compress
        ? async body => ({ body: await compress(body, compression), encoding: compression })
        : undefined,
    acceptEncoding: compression && platform.acceptsEncoding ? compression : undefined,
  });
}
