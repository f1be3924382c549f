/**
 * The thread's side of a `WorkerHost`: takes calls from the port and sends their results or their errors.
 */
import { parentPort, type TransferListItem, workerData } from "node:worker_threads";
import {
  type ArgumentOf,
  type Call,
  type CallsOf,
  END,
  errorData,
  type Reply,
  type ResultOf,
  type WorkerStartData,
} from "./messages.js";
import { nativeCall } from "./native-calls.js";

/** A result with memory that it gives away. */
class Moved<T> {
  constructor(
    readonly value: T,
    readonly memory: readonly TransferListItem[],
  ) {}
}

export type { Moved };

export const moved = <T>(value: T, memory: readonly TransferListItem[]): Moved<T> => new Moved(value, memory);

type Result<T> = T | Moved<T>;
export type Handlers<C> = {
  readonly [K in keyof C]: (argument: ArgumentOf<C, K>) => Result<ResultOf<C, K>> | Promise<Result<ResultOf<C, K>>>;
};

export interface ServeOptions {
  /** Receives messages that are not calls. */
  readonly onNotice?: (notice: unknown) => void;
  /** Runs after the last call, before the thread ends. */
  readonly onEnd?: () => void | Promise<void>;
}

export interface WorkerPort {
  /** Sends what is not a reply. @param notice not an object */
  notify(notice: number): void;
  /** Lets the thread end when there is nothing else to do, even if a call has no result yet. */
  unref(): void;
}

const { data, calls } = (workerData ?? {}) as Partial<WorkerStartData>;

/** The `data` of the host's options. */
export const workerStart = <T>(): T => data as T;

/** Marks a call into native code, inside which no thread may be terminated. */
export const native = <T>(call: () => T): T => nativeCall(calls!, call);

/** Serves from now on. A synchronous function's result is sent before the next message is read. */
export function serveCalls<C extends CallsOf<C>>(handlers: Handlers<C>, options: ServeOptions = {}): WorkerPort {
  const port = parentPort!;
  const running = new Set<Promise<void>>();
  const post = (reply: Reply, memory: readonly TransferListItem[] = []): void => port.postMessage(reply, memory);
  const fail = (id: number, error: unknown): void => post({ id, fault: errorData(error) });
  const send = (id: number, result: unknown): void => {
    try {
      if (result instanceof Moved) post({ id, value: result.value }, result.memory);
      else post({ id, value: result });
    } catch (error) {
      // The result cannot be cloned.
      fail(id, error);
    }
  };
  const run = ({ id, call, argument }: Call): void => {
    try {
      const result: unknown = (handlers as Readonly<Record<string, (argument: unknown) => unknown>>)[call]!(argument);
      if (!(result instanceof Promise)) {
        send(id, result);
        return;
      }
      const done = result
        .then(
          value => send(id, value),
          error => fail(id, error),
        )
        .finally(() => running.delete(done));
      running.add(done);
    } catch (error) {
      fail(id, error);
    }
  };
  const end = async (): Promise<void> => {
    await Promise.all(running);
    try {
      await options.onEnd?.();
    } finally {
      // Nothing else keeps the thread.
      port.close();
    }
  };
  port.on("message", (message: Call | typeof END | number) => {
    if (message === END)
      end().catch(error => {
        throw error;
      });
    else if (typeof message === "object") run(message);
    else options.onNotice?.(message);
  });
  return { notify: notice => port.postMessage(notice), unref: () => port.unref() };
}
