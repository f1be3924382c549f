/**
 * The messages between a `WorkerHost` and the thread that it started. Anything else on the port is a notice, which has no reply.
 */

/** The functions that a worker serves, each of one argument: what crosses the port is cloned, or moved. */
export type CallsOf<C> = { readonly [K in keyof C]: (argument: never) => unknown };
export type ArgumentOf<C, K extends keyof C> = C[K] extends (argument: infer A) => unknown ? A : never;
export type ResultOf<C, K extends keyof C> = C[K] extends (argument: never) => infer R ? Awaited<R> : never;

export interface Call {
  readonly id: number;
  readonly call: string;
  readonly argument: unknown;
}

/** Ends the worker after the calls before it. */
export const END = "end";

/** An error, of whatever class, as a port can carry it. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: ErrorData };

/** Data that `worker_threads` gives the thread. */
export interface WorkerStartData {
  readonly data: unknown;
  /** The cells of `nativeCall`, for a worker that makes native calls. */
  readonly calls?: SharedArrayBuffer;
}

export function errorData(error: unknown): ErrorData {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack, code } = error as Error & { readonly code?: unknown };
  return { name, message, ...(typeof code === "string" && { code }), ...(stack !== undefined && { stack }) };
}
