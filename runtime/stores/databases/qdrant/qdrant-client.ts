/**
 * Calls to Qdrant's REST interface, and its errors. Qdrant's own client takes no certificates, prints to the console, and gives each call a timer
 * of its own.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { QdrantStore } from "../../../../formats/vectors/vector-store.js";
import type { ConnectionSettings } from "../connection-settings.js";
import type { Failure } from "../guarded-call.js";
import { makeIt, readAddress, START, TLS } from "../refusals.js";

const DEFAULT_PORT = 6333;
/** A longer response is not one of Qdrant's. */
const MOST_BYTES = 2 ** 28;

export type Method = "GET" | "PUT" | "POST" | "DELETE";

export interface QdrantClient {
  /**
   * @param path after the address
   * @param body JSON
   * @returns `result` of the response, in which integers of a field `id` are bigints
   */
  call<T>(method: Method, path: string, body?: string): Promise<T>;
  version(): Promise<string>;
  close(): void;
}

/** @param timeoutMs of a call @throws RuntimeFault for an address that cannot be read */
export function openClient(
  store: QdrantStore,
  settings: ConnectionSettings,
  timeoutMs = store.timeoutMs,
): QdrantClient {
  const { address, isSecure } = addressOf(settings);
  const { apiKey, tls } = settings;
  const pool = { keepAlive: true, maxSockets: store.pool };
  const agent = isSecure ? new HttpsAgent({ ...pool, ...tls }) : new HttpAgent(pool);
  const request = isSecure ? httpsRequest : httpRequest;
  const send = async (method: Method, path: string, body?: string): Promise<Answer> => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(`${address}${path}`, {
        method,
        agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          ...(body !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
          ...(apiKey && { "api-key": apiKey.reveal() }),
        },
      });
      sent.once("response", resolve).once("error", reject).end(body);
    });
    return answerOf(response.statusCode ?? 0, await textOf(response));
  };
  return {
    async call<T>(method: Method, path: string, body?: string): Promise<T> {
      const { result } = await send(method, path, body);
      if (result === undefined) throw odd();
      return result as T;
    },
    async version() {
      const { version } = await send("GET", "/");
      if (typeof version !== "string") throw odd();
      return version;
    },
    close: () => agent.destroy(),
  };
}

function addressOf(settings: ConnectionSettings): { readonly address: string; readonly isSecure: boolean } {
  const { tls } = settings;
  const { address, odd } = readAddress(settings, /^https?:$/, "Qdrant", "`http://HOST:6333` or `https://HOST`");
  if (address.search !== "" || address.hash !== "") throw odd("has an option");
  if (address.username !== "") throw odd("has a user, and Qdrant has keys: name one in `apiKey`");
  const isSecure = tls !== undefined || address.protocol === "https:";
  const port = address.port === "" ? (address.protocol === "https:" ? 443 : DEFAULT_PORT) : Number(address.port);
  const path = address.pathname.replace(/\/$/, "");
  return { address: `${isSecure ? "https" : "http"}://${address.hostname}:${port}${path}`, isSecure };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new QdrantRefusal(0, `its response is longer than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A response that is an error. */
export class QdrantRefusal extends Error {
  override readonly name = "QdrantRefusal";
  constructor(
    /** The status of HTTP; 0 for a response that is not Qdrant's. */
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

export const odd = (): QdrantRefusal => new QdrantRefusal(0, "its response is not one of Qdrant's");

interface Answer {
  readonly result?: unknown;
  readonly version?: unknown;
  readonly status?: unknown;
}

/** @throws QdrantRefusal */
function answerOf(status: number, text: string): Answer {
  const isFine = status >= 200 && status < 300;
  let document: Answer;
  try {
    document = JSON.parse(text, exactId as (key: string, value: unknown) => unknown) as Answer;
    if (typeof document !== "object" || document === null) throw odd();
  } catch {
    throw isFine ? odd() : new QdrantRefusal(status, text.trim().slice(0, 200) || `HTTP ${status}`);
  }
  if (isFine) return document;
  const { error } = (document.status ?? {}) as { readonly error?: unknown };
  throw new QdrantRefusal(status, typeof error === "string" ? error : `HTTP ${status}`);
}

/** Integers beyond 2^53 have no number. */
const exactId = (key: string, value: unknown, { source }: { readonly source: string }): unknown =>
  key === "id" && typeof value === "number" ? BigInt(source) : value;

export function qdrantFailure(error: unknown): Failure {
  const { name = "", code = "", message = "" } = (error ?? {}) as { name?: string; code?: string; message?: string };
  const reason = message || code || "it does not answer";
  if (error instanceof QdrantRefusal) return refusalOf(error);
  // Reading a record of another form.
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError)
    return refusalOf(odd());
  if (name === "TimeoutError" || name === "AbortError") return { kind: "late", reason, way: "" };
  if (/SSL|CERT|certificate|self-signed|wrong version number|EPROTO/i.test(`${code} ${reason}`))
    return { kind: "away", reason, way: TLS };
  return {
    kind: /ECONNRESET|EPIPE|socket hang up|aborted/.test(`${code} ${reason}`) ? "broken" : "away",
    reason,
    way: START,
  };
}

function refusalOf({ status, message: reason }: QdrantRefusal): Failure {
  if (status === 401 || status === 403) return { kind: "away", reason, way: "Correct `apiKey`." };
  // After the collection of an alias was replaced, a search may still reach the old one.
  if (status === 404) return { kind: "broken", reason, way: makeIt("collection") };
  if (status === 429 || status >= 500) return { kind: "broken", reason, way: "Look at its load and its log." };
  return { kind: "refused", reason, way: "" };
}
