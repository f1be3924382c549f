/**
 * Long runs of a model → threads, each with a session of its own, as Triton has one for each instance: instances compute beside each other, and the event
 * loop answers other requests meanwhile. The binding knows no run that leaves its thread.
 */
import { Worker } from "node:worker_threads";
import type * as ort from "onnxruntime-node";
import { watchNativeCalls } from "../../../contract/workers/native-calls.js";
import {
  packTensors,
  type ThreadOrder,
  type ThreadReply,
  type ThreadRun,
  type ThreadWork,
  unpackTensors,
} from "./onnx-messages.js";

type Tensors = Readonly<Record<string, ort.Tensor>>;

export interface OnnxThreads {
  /** Resolves when the first thread can run; rejects where none could open the model. */
  readonly open: Promise<void>;
  /** @throws Error with ONNX Runtime's text */
  run(feeds: Tensors, wanted: readonly string[]): Promise<{ readonly results: Tensors; readonly micros: number }>;
  /** Ends the threads, each after the run that it is in; runs that wait for one are refused. */
  close(): Promise<void>;
}

const CLOSED = "the session has ended";

interface Job {
  readonly run: ThreadRun;
  readonly moved: ArrayBuffer[];
  resolve(done: { results: Tensors; micros: number }): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  readonly open: Promise<void>;
  readonly ended: Promise<void>;
  job: Job | undefined;
  idle: boolean;
  /** Whoever closes the session waits for its end. */
  isEnding: boolean;
}

/** @param most threads at a time: the instances that run beside each other */
export function onnxThreads(order: ThreadOrder, most: number): OnnxThreads {
  const threads = new Set<Thread>();
  const queue: Job[] = [];
  let closed = false;
  const start = (): Thread => {
    const thread = startThread(order, pump, error => {
      threads.delete(thread);
      thread.job?.reject(error);
      // Nobody is left to take what waits.
      if (threads.size === 0) for (const job of queue.splice(0)) job.reject(error);
    });
    threads.add(thread);
    return thread;
  };
  const first = start();

  function pump(): void {
    for (const thread of threads) if (thread.idle && queue.length > 0) give(thread, queue.shift()!);
    const coming = [...threads].filter(({ idle, job }) => !idle && !job).length;
    if (queue.length > coming && threads.size < most) start();
  }

  return {
    open: first.open,
    run: (feeds, wanted) =>
      new Promise((resolve, reject) => {
        if (closed) {
          reject(new Error(CLOSED));
          return;
        }
        const { tensors, moved } = packTensors(feeds);
        queue.push({ run: { feeds: tensors, wanted }, moved, resolve, reject });
        if (threads.size === 0) start();
        pump();
      }),
    async close() {
      closed = true;
      for (const job of queue.splice(0)) job.reject(new Error(CLOSED));
      const ending = [...threads];
      for (const thread of ending) {
        thread.isEnding = true;
        thread.worker.ref();
        thread.worker.postMessage("end" satisfies ThreadWork);
      }
      await Promise.all(ending.map(({ ended }) => ended));
    },
  };
}

function startThread(order: ThreadOrder, free: () => void, lost: (error: Error) => void): Thread {
  const calls = watchNativeCalls();
  const worker = new Worker(new URL("./onnx-thread.js", import.meta.url), {
    name: "onnx",
    workerData: { ...order, calls: calls.memory },
    execArgv: [],
  });
  let opened!: () => void;
  let refused!: (error: Error) => void;
  const open = new Promise<void>((resolve, reject) => {
    opened = resolve;
    refused = reject;
  });
  open.catch(() => {});
  const ended = new Promise<void>(resolve => worker.once("exit", () => resolve()));
  const thread: Thread = { worker, open, ended, job: undefined, idle: false, isEnding: false };
  worker.on("message", (reply: ThreadReply) => {
    if (reply.kind === "open") opened();
    else {
      const { job } = thread;
      thread.job = undefined;
      if (reply.kind === "failed") job!.reject(new Error(reply.message));
      else job!.resolve({ results: unpackTensors(reply.tensors), micros: reply.micros });
    }
    if (thread.isEnding) return;
    thread.idle = true;
    worker.unref();
    free();
  });
  const end = (error: Error): void => {
    thread.idle = false;
    refused(error);
    lost(error);
  };
  worker.on("error", end);
  worker.on("exit", () => {
    calls.ended();
    end(new Error("the thread of the session has ended"));
  });
  // While it loads the model it keeps the process: its end would find it in native code.
  return thread;
}

function give(thread: Thread, job: Job): void {
  thread.idle = false;
  thread.job = job;
  thread.worker.ref();
  thread.worker.postMessage(job.run, job.moved);
}
