/**
 * TLS on both sides of a recorder: towards its server and towards its clients.
 */
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { TlsOptions } from "../../client/connection-options.js";

export interface ProxyTls {
  readonly target?: TlsOptions | undefined;
  /** PEM; without it the listeners speak plain text. */
  readonly listener?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
}

/** @param host of the target: the name that its certificate must have, whatever name clients know the recorder by */
export function secureTarget(host: string, { ca, cert, key, serverName, verify }: TlsOptions = {}): ConnectionOptions {
  const pem = (text: string | Uint8Array): string | Buffer => (typeof text === "string" ? text : Buffer.from(text));
  const name = serverName ?? (isIP(host.replace(/^\[|\]$/g, "")) > 0 ? "" : host);
  return {
    servername: name,
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(verify === false && { rejectUnauthorized: false }),
  };
}
