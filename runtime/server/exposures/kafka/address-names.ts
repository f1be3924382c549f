/**
 * Names of brokers in TLS. The client names each broker's host, also one that is an IP address. RFC 6066 §3 allows no address there, and Node
 * 26 throws for one: the client would then neither send nor fail.
 */
import { syncBuiltinESMExports } from "node:module";
import { isIP } from "node:net";
import tls from "node:tls";

/** The certificate is then checked against `host`, which is the same address. */
function withoutAddressName(word: unknown): unknown {
  const { servername, ...others } = (word ?? {}) as { readonly servername?: unknown };
  return typeof servername === "string" && isIP(servername) > 0 ? others : word;
}

let isDone = false;

/** From now on, connections of this thread, which is the client's own, have no addresses as names. */
export function omitAddressNames(): void {
  if (isDone) return;
  isDone = true;
  const connect = tls.connect as (...words: readonly unknown[]) => tls.TLSSocket;
  tls.connect = ((...words: readonly unknown[]) => connect(...words.map(withoutAddressName))) as typeof tls.connect;
  syncBuiltinESMExports();
}
