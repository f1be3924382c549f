/**
 * HTTP by the platform's `fetch`, for browsers: connections, TLS and compression of answers are the platform's.
 */
import { CancelledError, DeadlineError, UnavailableError } from "../client-error.js";
import type { HttpHead, HttpRequest, HttpSender } from "./send.js";

/** @param origin `https://host:port` */
export function fetchSender(origin: string): HttpSender {
  const begin = async ({ method, path, headers, body, signal, timeout }: HttpRequest) => {
    const late = timeout === undefined ? undefined : AbortSignal.timeout(Math.max(0, Math.ceil(timeout)));
    const signals = [signal, late].filter(one => one !== undefined);
    const explain = (cause: unknown): Error => {
      if (signal?.aborted) return new CancelledError("CANCELLED", "the call was aborted", { cause: signal.reason });
      if (late?.aborted)
        return new DeadlineError("DEADLINE_EXCEEDED", `no answer within ${Math.round(timeout!)} ms`, { cause });
      const reason = (cause as Error).message;
      return new UnavailableError(
        "UNAVAILABLE",
        `no answer from ${origin}: ${reason}. In a browser: start the server with --http-allowed-origin and the page's origin`,
        { cause },
      );
    };
    const combined = signals.length > 1 ? anySignal(signals) : signals[0];
    try {
      const response = await fetch(`${origin}${path}`, {
        method,
        headers,
        ...(body && { body: new Blob(body as Uint8Array<ArrayBuffer>[]) }),
        ...(combined && { signal: combined }),
      });
      const head: HttpHead = { status: response.status, header: name => response.headers.get(name) ?? undefined };
      return { response, head, explain };
    } catch (cause) {
      throw explain(cause);
    }
  };
  return {
    async send(request) {
      const { response, head, explain } = await begin(request);
      try {
        return { ...head, body: new Uint8Array(await response.arrayBuffer()) };
      } catch (cause) {
        throw explain(cause);
      }
    },
    async open(request) {
      const { response, head, explain } = await begin(request);
      return { ...head, chunks: read(response, explain) };
    },
    close: async () => {},
  };
}

async function* read(response: Response, explain: (cause: unknown) => Error): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw explain(cause);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** `AbortSignal.any`, which browsers of 2023 lack. */
function anySignal(signals: readonly AbortSignal[]): AbortSignal {
  const both = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) both.abort(signal.reason);
    signal.addEventListener("abort", () => both.abort(signal.reason), { once: true, signal: both.signal });
  }
  return both.signal;
}
