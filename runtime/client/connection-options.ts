/**
 * How a connection is kept and secured, over either protocol.
 */
export interface KeepAlive {
  /** Milliseconds between pings while calls are under way. */
  readonly interval: number;
  /** Milliseconds that an answer to a ping may take; gRPC only. @default 20000 */
  readonly timeout?: number;
}

export interface TlsOptions {
  /** PEM: authorities that sign the server's certificate; the system's without it. */
  readonly ca?: string | Uint8Array;
  /** PEM: this client's certificate and key, for mutual TLS. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the server's certificate has, where the address is another. */
  readonly serverName?: string;
  /** False takes any certificate; for a test only. @default true */
  readonly verify?: boolean;
}
