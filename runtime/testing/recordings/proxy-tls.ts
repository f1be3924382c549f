/**
 * TLS on both sides of a recorder: towards its server and towards its clients.
 */
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { TlsOptions } from "../../client/connection-options.js";
import { secureOptions } from "../../client/http/node-sender.js";

export interface ProxyTls {
  readonly target?: TlsOptions | undefined;
  /** PEM; without it the listeners speak plain text. */
  readonly listener?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
}

/** @param host of the target: the name that its certificate must have, whatever name clients know the recorder by */
export function secureTarget(host: string, tls: TlsOptions = {}): ConnectionOptions {
  return { servername: isIP(host.replace(/^\[|\]$/g, "")) > 0 ? "" : host, ...secureOptions(tls) };
}
