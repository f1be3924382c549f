/** A client of Milvus, and its errors. */

import type { ClientConfig, MilvusClient } from "@zilliz/milvus2-sdk-node";
import { defined } from "../../../../contract/defined.js";
import type { MilvusStore } from "../../../../formats/vectors/vector-store.js";
import type { ConnectionSettings } from "../connection-settings.js";
import type { Failure } from "../guarded-call.js";
import { makeIt, readAddress, START, TLS } from "../refusals.js";

/** A server that is away is tried again at least that often. */
const MOST_BACKOFF_MS = 1000;
const DEFAULT_PORT = 19_530;
/** A longer response is not one of Milvus'. Its client has no limit. */
const MOST_BYTES = 2 ** 28;

/** @param timeoutMs of a call @throws RuntimeFault for an address that cannot be read; an error of Node's without the package */
export async function openClient(
  store: MilvusStore,
  settings: ConnectionSettings,
  timeoutMs = store.timeoutMs,
): Promise<MilvusClient> {
  const sdk = await import("@zilliz/milvus2-sdk-node");
  const client = new sdk.MilvusClient({
    ...addressOf(settings),
    timeout: timeoutMs,
    pool: { min: 0, max: store.pool, acquireTimeoutMillis: timeoutMs },
    // Its first call would be one whose error nothing awaits.
    __SKIP_CONNECT__: true,
    // Retries are ours, and its log would show vectors and values of users.
    maxRetries: 0,
    logLevel: "error",
    isGlobal: false,
    channelOptions: {
      // Without it, all clients of a process share one connection.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      "grpc.max_receive_message_length": MOST_BYTES,
      // Servers of gRPC end connections that send pings between calls.
      "grpc.keepalive_permit_without_calls": 0,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": MOST_BACKOFF_MS,
    },
  });
  stayClosed(client);
  dropLate(client, timeoutMs);
  return client;
}

/** Its pool reads the state of each channel that it has closed, and lets it connect: the connection would remain. */
function stayClosed({ channelPool: pool }: MilvusClient): void {
  const acquire = pool.acquire.bind(pool);
  pool.acquire = async () => {
    const member = await acquire();
    const channel = member.getChannel();
    if (!Object.hasOwn(channel, "getConnectivityState")) {
      const { getConnectivityState } = channel;
      channel.getConnectivityState = () => getConnectivityState.call(channel, false);
    }
    return member;
  };
}

/** Its pool would use a connection again that loses replies. */
function dropLate({ channelPool: pool }: MilvusClient, timeoutMs: number): void {
  const [acquire, release] = [pool.acquire.bind(pool), pool.release.bind(pool)];
  const began = new WeakMap<object, number>();
  pool.acquire = async () => {
    const member = await acquire();
    began.set(member, performance.now());
    return member;
  };
  pool.release = member =>
    performance.now() - began.get(member)! < timeoutMs ? release(member) : pool.destroy(member);
}

function addressOf(settings: ConnectionSettings): ClientConfig {
  const { apiKey, tls } = settings;
  const { address, odd } = readAddress(
    settings,
    /^https?:$/,
    "Milvus",
    "`http://HOST:19530`, with `/DATABASE` for one other than `default`",
  );
  if (address.search !== "") throw odd("has an option");
  const isSecure = tls !== undefined || address.protocol === "https:";
  const database = decodeURIComponent(address.pathname.slice(1));
  const port = address.port === "" ? (address.protocol === "https:" ? 443 : DEFAULT_PORT) : Number(address.port);
  return {
    address: `${address.hostname}:${port}`,
    ssl: isSecure,
    ...(database !== "" && { database }),
    ...(address.username !== "" && {
      username: decodeURIComponent(address.username),
      password: decodeURIComponent(address.password),
    }),
    ...(apiKey && { token: apiKey.reveal() }),
    ...(tls && {
      tls: {
        ...defined({ rootCert: tls.ca, certChain: tls.cert, privateKey: tls.key }),
      },
    }),
  };
}

interface Status {
  readonly error_code?: string | number;
  readonly code?: number;
  readonly reason?: string;
  readonly retriable?: boolean;
}

/** A response that is an error. */
export class MilvusRefusal extends Error {
  override readonly name = "MilvusRefusal";
  constructor(
    readonly code: number,
    reason: string,
    readonly isRetriable: boolean,
  ) {
    super(reason);
  }
}

/** Codes of responses: https://github.com/milvus-io/milvus/blob/master/pkg/util/merr/errors.go */
export const NO_COLLECTION = 100;
const NOT_LOADED = 101;
const NO_DATABASE = 800;
const NO_PRIVILEGE = 1401;
const ACCESS = [1400, NO_PRIVILEGE, 1402];

/** @throws MilvusRefusal if the response is an error */
export function checked<T extends object>(response: T): T {
  const status = ("status" in response ? response.status : response) as Status | undefined;
  // The client replaces a call that the server lacks by an empty record.
  if (status?.error_code === undefined) throw new MilvusRefusal(0, "it does not have this call", false);
  const { code = 0, error_code, reason = "", retriable = false } = status;
  if (code === 0 && (error_code === "Success" || error_code === 0)) return response;
  throw new MilvusRefusal(code, reason || String(error_code), retriable);
}

export const LOAD = "Load it in Milvus, or run `merlon vectors load`.";
const AUTHORIZE = "Correct `apiKey`, or the user and password in `url`.";

/** Reads an error of gRPC, a `MilvusRefusal`, or the record of one, which some calls of the client throw. */
export function milvusFailure(error: unknown): Failure {
  const { name = "", code = -1, message = "" } = (error ?? {}) as { name?: string; code?: number; message?: string };
  if (error instanceof MilvusRefusal) return refusalOf(error);
  if (!(error instanceof Error)) {
    try {
      checked((error ?? {}) as object);
    } catch (refusal) {
      return refusalOf(refusal as MilvusRefusal);
    }
  }
  const reason = message.replace(/^\d+ [A-Z_]+: | Resolution note: *$/g, "") || "it does not answer";
  if (name === "TimeoutError" || code === 4) return { kind: "late", reason, way: "" };
  if (code === 16) return { kind: "away", reason, way: AUTHORIZE };
  if (code === 7) return { kind: "refused", reason, way: "Grant it to the user of `url`." };
  if (code !== 14) return { kind: "refused", reason, way: "" };
  // Node 26 refuses it, and the gRPC library sends it.
  if (/TLS ServerName to an IP address/.test(reason))
    return { kind: "away", reason, way: "Write the name of the host in `url`, not its address." };
  if (/SSL|certificate|self-signed|wrong version number|EPROTO/i.test(reason))
    return { kind: "away", reason, way: TLS };
  return { kind: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(reason) ? "away" : "broken", reason, way: START };
}

function refusalOf({ code, message: reason, isRetriable }: MilvusRefusal): Failure {
  // After the collection of an alias was replaced, a search may still reach the old one.
  if (code === NO_COLLECTION) return { kind: "broken", reason, way: makeIt("collection") };
  if (code === NOT_LOADED) return { kind: "broken", reason, way: LOAD };
  if (code === NO_DATABASE) return { kind: "away", reason, way: "Correct the database in `url`." };
  if (ACCESS.includes(code)) return { kind: "away", reason, way: AUTHORIZE };
  return isRetriable ? { kind: "broken", reason, way: "Look at its load." } : { kind: "refused", reason, way: "" };
}
