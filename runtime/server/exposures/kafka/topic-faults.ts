/** An error of the client of Kafka → a sentence that says what to correct. */

interface ClientError extends Error {
  readonly code?: string;
  /** Kafka's name of a broker's error. */
  readonly apiId?: string;
  readonly errors?: readonly ClientError[];
  readonly cause?: ClientError;
}

const WAYS: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: "grant the user WRITE and DESCRIBE on the topic",
  CLUSTER_AUTHORIZATION_FAILED: "grant the user IDEMPOTENT_WRITE on the cluster",
  SASL_AUTHENTICATION_FAILED: "correct the user and password that `user` and `password` name",
  UNSUPPORTED_SASL_MECHANISM: "correct `sasl`",
  UNKNOWN_TOPIC_OR_PARTITION: "create the topic, or correct its name",
  INVALID_TOPIC_EXCEPTION: "correct the topic's name",
  NOT_ENOUGH_REPLICAS: "the topic has fewer replicas in sync than its `min.insync.replicas`",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: "the topic has fewer replicas in sync than its `min.insync.replicas`",
  UNSUPPORTED_COMPRESSION_TYPE: "add `compression=gzip` to the address",
  INVALID_RECORD: "the topic refuses the messages: a compacted topic, or a check of schemas",
};

const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** The error, its causes and its parts; the innermost last. */
function* partsOf(error: unknown, depth = 0): Generator<ClientError> {
  if (!(error instanceof Error) || depth > 8) return;
  yield error as ClientError;
  const { errors, cause } = error as ClientError;
  // Attempts of one request: the last is the newest.
  const last = errors?.at(-1);
  if (last) yield* partsOf(last, depth + 1);
  yield* partsOf(cause, depth + 1);
}

/** Whether the broker refuses messages for their size. */
export const isTooLarge = (error: unknown): boolean => {
  for (const { apiId } of partsOf(error)) if (apiId !== undefined && TOO_LARGE.has(apiId)) return true;
  return false;
};

export function faultText(error: unknown): string {
  const parts = [...partsOf(error)];
  const named = parts.findLast(({ apiId }) => apiId !== undefined)?.apiId;
  if (named !== undefined) return `the broker answers ${named}${WAYS[named] === undefined ? "" : `: ${WAYS[named]}`}`;
  const authentication = parts.some(({ code }) => code === "PLT_KFK_AUTHENTICATION");
  const innermost = parts.at(-1);
  const text = innermost?.message || innermost?.code || String(error);
  if (/ECONNRESET|Connection closed/.test(text))
    return "the broker closed the connection: check whether its port has TLS (`kafkas://`) and which `sasl` it has";
  return authentication ? `${text}: ${WAYS.SASL_AUTHENTICATION_FAILED}` : text;
}
