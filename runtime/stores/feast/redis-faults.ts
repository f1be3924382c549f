/**
 * Errors of requests to a Redis online store, and their deadline.
 */
import type { Cluster, Redis } from "ioredis";
import { addressOf, maskStore, type RedisStore } from "../../../formats/feast/feast-online-store.js";
import type { Cancellation } from "../../base/cancellation.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { foreignText } from "../../base/foreign-text.js";

export interface RedisFaults {
  /** The store can not be reached. */
  away(error: unknown): RuntimeFault;
  late(): RuntimeFault;
  /** A command was answered with an error. @param about names what the command is about */
  refused(message: string, about?: string): RuntimeFault;
}

/** @param client whose errors say why it is away */
export function redisFaults(store: RedisStore, timeoutMs: number, client: Redis | Cluster): RedisFaults {
  const where = `the online store at ${addressOf(store)} (redis)`;
  // The caller gets the fault; an emitted error without a listener would end the process.
  let last: Error | undefined;
  client.on("error", (error: Error) => {
    last = error;
  });
  const away = (error: unknown): RuntimeFault => {
    // A cluster says that it failed, and why only beside that.
    const seen = last ?? (error as Error);
    const reason = ((seen as { lastNodeError?: Error }).lastNodeError ?? seen).message.trim().replace(/\.$/, "");
    // No cause: the client's errors hold the commands that failed, AUTH among them.
    const shown = foreignText(maskStore(store, reason));
    return unavailable(`${where} can not be reached: ${shown}. ${wayOut(reason, store)}`);
  };
  return {
    away,
    late: () => unavailable(`${where} did not answer within ${timeoutMs} ms.`),
    refused: (message, about) => {
      if (/^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN)/.test(message)) return away(new Error(message));
      const way = message.startsWith("WRONGTYPE")
        ? " It is no hash: Feast did not write it. Delete the key, then materialize the view again."
        : "";
      const of = about === undefined ? "" : ` ${about}`;
      return invalid(`${where} refuses${of}: ${foreignText(maskStore(store, message))}.${way}`);
    },
  };
}

function wayOut(reason: string, { tls, tlsClient }: RedisStore): string {
  if (/NOAUTH|WRONGPASS|NOPERM|invalid (username-)?password/i.test(reason))
    return "Give `username` and `password` in its `connection_string`.";
  if (reason.includes("DB index")) return "Correct `db` in its `connection_string`.";
  if (reason.includes("cluster support disabled")) return "It is one server: drop `redis_type: redis_cluster`.";
  if (/certificate required|handshake failure/i.test(reason) || (tls && !tlsClient && broken.test(reason)))
    return "If it requires a client certificate, name one with `ssl_certfile` and `ssl_keyfile` in its `connection_string`.";
  if (/wrong version number|EPROTO/.test(reason) || (tls && reason.startsWith("it did not answer")))
    return "If it does not speak TLS, drop `ssl=true` from its `connection_string`.";
  if (!tls && broken.test(reason)) return "If it speaks TLS, write `ssl=true` in its `connection_string`.";
  return "Start it, or correct `connection_string` in feature_store.yaml.";
}

/** Errors of a connection that the server did not end on purpose. */
const broken = /ECONNRESET|EPIPE|Connection is closed|socket hang up/;

export const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "the request was cancelled");

/** @throws (rejects) with `late()` when the work takes longer; CANCELLED when the signal ends the wait */
export function within<T>(work: Promise<T>, ms: number, late: () => Error, signal?: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled());
    const timer = setTimeout(() => reject(late()), ms);
    signal?.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    });
  });
}
