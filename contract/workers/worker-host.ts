/**
 * A worker thread as an object with typed calls. The host starts the thread and matches replies with calls. It keeps the process alive
 * while a reply is due, and rejects every pending call when the thread ends. The thread's side is `serveCalls`.
 */
import { type TransferListItem, Worker, type WorkerOptions } from "node:worker_threads";
import {
  type ArgumentOf,
  type Call,
  type CallsOf,
  END,
  type ErrorData,
  type Reply,
  type ResultOf,
  type WorkerStartData,
} from "./messages.js";
import { watchNativeCalls } from "./native-calls.js";

export interface HostOptions extends Pick<WorkerOptions, "name" | "resourceLimits" | "stdout" | "transferList"> {
  /** Starts error messages: `the FAISS thread`. */
  readonly title: string;
  readonly module: URL;
  /** Returned by `workerStart` in the thread. */
  readonly data?: unknown;
  /** When the thread keeps the process alive. @default "calls" while a reply is due */
  readonly keepsProcess?: "always" | "calls" | "never";
  /** The thread runs code of users, which may rely on the process's flags: it inherits them. @default false */
  readonly runsUserCode?: boolean;
  /** The thread makes native calls (`nativeCall`): it is never terminated, since that can end the process. @default false */
  readonly native?: boolean;
  /** Receives messages that are not replies. */
  readonly onNotice?: (notice: unknown) => void;
  /** Called when the thread has ended, for whatever reason; pending calls are rejected before. */
  readonly onEnded?: (ended: WorkerEnded) => void;
}

/** A call failed in the worker, which keeps running. */
export class WorkerFault extends Error {
  readonly code: string | undefined;

  constructor({ name, message, code, stack }: ErrorData) {
    super(message);
    this.name = name;
    this.code = code;
    if (stack) this.stack = stack;
  }
}

/** The thread has ended, or is about to: it takes no more calls. */
export class WorkerEnded extends Error {
  override readonly name = "WorkerEnded";

  /** @param exitCode undefined if the thread ended by an error, the `cause` */
  constructor(
    title: string,
    reason?: string,
    readonly exitCode?: number,
    cause?: Error,
  ) {
    super(`${title} has ended${reason ? `: ${reason}` : ""}`, { cause });
  }
}

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

export class WorkerHost<C extends CallsOf<C>> {
  readonly thread: Worker;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly ended: Promise<WorkerEnded>;
  readonly #title: string;
  readonly #keepsProcess: HostOptions["keepsProcess"];
  readonly #native: boolean;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  /** Why no more calls are taken. */
  #over: Error | undefined;
  #ending = false;

  constructor(options: HostOptions) {
    const {
      title,
      module,
      data,
      native = false,
      keepsProcess = "calls",
      runsUserCode,
      onNotice,
      onEnded,
      ...rest
    } = options;
    const calls = native ? watchNativeCalls() : undefined;
    this.#title = title;
    this.#keepsProcess = keepsProcess;
    this.#native = native;
    const workerData: WorkerStartData = { data, ...(calls && { calls: calls.memory }) };
    // Flags such as --input-type are the main script's, and a thread with a file refuses them.
    this.thread = new Worker(module, { ...(!runsUserCode && { execArgv: [] }), ...rest, workerData });
    this.thread.on("message", message => this.#receive(message, onNotice));
    let thrown: Error | undefined;
    this.thread.on("error", error => {
      thrown = (error as unknown) instanceof Error ? error : new Error(String(error));
      this.#refuse(new WorkerEnded(title, thrown.message, undefined, thrown));
    });
    this.ended = new Promise(resolve => {
      this.thread.once("exit", code => {
        calls?.ended();
        const ended = thrown
          ? new WorkerEnded(title, thrown.message, undefined, thrown)
          : new WorkerEnded(title, code > 0 ? `exit code ${code}` : undefined, code);
        this.#refuse(ended);
        onEnded?.(ended);
        resolve(ended);
      });
    });
    // After the listeners: one for messages holds a reference again.
    if (keepsProcess !== "always") this.thread.unref();
  }

  /** False when the thread has ended or will. */
  get takesCalls(): boolean {
    return this.#over === undefined;
  }

  /** How many calls wait for a reply. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * @param moved memory that the argument gives away
   * @throws WorkerFault if the call fails, WorkerEnded if the thread ends first, or the reason given to `terminate`
   */
  call<K extends keyof C & string>(
    name: K,
    argument: ArgumentOf<C, K>,
    moved: readonly TransferListItem[] = [],
  ): Promise<ResultOf<C, K>> {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      // Throws for an argument that cannot be cloned, before anything waits for its reply.
      this.thread.postMessage({ id, call: name, argument } satisfies Call, moved);
      this.#pending.set(id, { resolve, reject });
      if (this.#keepsProcess === "calls" && this.#pending.size === 1) this.thread.ref();
    });
  }

  /** Sends what is not a call. @param notice not an object */
  notify(notice: number): void {
    this.thread.postMessage(notice);
  }

  /**
   * Lets the thread answer the calls that it has, clean up and end. Further calls are refused.
   * @param withinMs a thread without native calls is terminated after this time
   */
  async end(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#over ??= new WorkerEnded(this.#title, "it was closed");
    this.#ending = true;
    if (this.#keepsProcess === "calls") this.thread.ref();
    this.thread.postMessage(END);
    const isLimited = Number.isFinite(withinMs) && !this.#native;
    const timer = isLimited ? setTimeout(() => this.#stop(), withinMs) : undefined;
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends the thread now, or after its native call. @param reason rejects the pending calls */
  async terminate(reason?: Error): Promise<void> {
    this.#refuse(reason ?? new WorkerEnded(this.#title, "it was closed"));
    await (this.#native ? this.end() : this.thread.terminate());
  }

  #stop(): void {
    this.thread.terminate().catch(error => {
      throw error;
    });
  }

  #refuse(reason: Error): void {
    this.#over ??= reason;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
    this.#rest();
  }

  /** The process may end before a thread that has nothing to reply, but not before one that cleans up. */
  #rest(): void {
    if (this.#keepsProcess === "calls" && !this.#ending) this.thread.unref();
  }

  /** Code of strangers may run in the thread, so a message can be anything that is cloned. */
  #receive(message: unknown, onNotice: HostOptions["onNotice"]): void {
    const reply = message as Partial<Reply & { readonly fault: ErrorData; readonly value: never }> | null | undefined;
    const waiting = this.#pending.get(reply?.id as number);
    if (!waiting) {
      onNotice?.(message);
      return;
    }
    this.#pending.delete(reply!.id!);
    if (this.#pending.size === 0) this.#rest();
    if (reply!.fault) waiting.reject(new WorkerFault(reply!.fault));
    else waiting.resolve(reply!.value as never);
  }
}
