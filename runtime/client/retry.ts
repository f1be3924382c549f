/**
 * Retries: which errors, the number of attempts, and the delays. The deadline covers all attempts.
 */
import { CancelledError, ClientError, DeadlineError, type ErrorCode } from "./client-error.js";
import type { CallSettings } from "./wire-call.js";

export interface RetryPolicy {
  /** How often to try in all. @default 3 */
  readonly attempts?: number;
  /** @default ["UNAVAILABLE"] */
  readonly codes?: readonly ErrorCode[];
  /** Milliseconds before the second attempt; each wait is a random part of it, and the next is twice as long. @default 50 */
  readonly backoff?: number;
  /** Milliseconds, the longest wait. @default 2000 */
  readonly maxBackoff?: number;
}

const DEFAULT_CODES: readonly ErrorCode[] = ["UNAVAILABLE"];

/**
 * @param isSafe false for requests of a sequence: an attempt that may have reached the model is not repeated
 * @param deadline milliseconds for all attempts
 */
export async function withRetries<T>(
  attempt: (settings: CallSettings) => Promise<T>,
  policy: RetryPolicy | number | undefined,
  settings: CallSettings,
  isSafe: boolean,
): Promise<T> {
  const { signal, timeout } = settings;
  if (signal?.aborted) throw new CancelledError("CANCELLED", "the call was aborted", { cause: signal.reason });
  if (policy === undefined) return attempt(settings);
  const {
    attempts = 3,
    codes = DEFAULT_CODES,
    backoff = 50,
    maxBackoff = 2000,
  } = typeof policy === "number" ? { attempts: policy } : policy;
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeout;
  for (let tried = 1; ; tried++) {
    try {
      return await attempt(timeout === undefined ? settings : { ...settings, timeout: end - performance.now() });
    } catch (error) {
      if (!(error instanceof ClientError) || tried >= attempts || !codes.includes(error.code)) throw error;
      if (!isSafe && !error.notSent) throw error;
      const wait = Math.random() * Math.min(maxBackoff, backoff * 2 ** (tried - 1));
      if (performance.now() + wait >= end)
        throw new DeadlineError(
          "DEADLINE_EXCEEDED",
          `no answer within ${timeout} ms, in ${tried} attempts: ${error.message}`,
          {
            model: error.model,
            requestId: error.requestId,
            cause: error,
          },
        );
      await sleep(wait, signal);
    }
  }
}

const sleep = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(new CancelledError("CANCELLED", "the call was aborted", { cause: signal!.reason }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
