/**
 * Long runs of a model → threads, each with a session of its own, as Triton has one for each instance. Instances run in parallel, and the
 * event loop serves other requests meanwhile. The binding has no asynchronous run.
 */
import type * as ort from "onnxruntime-node";
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import { inBackground } from "../../base/in-background.js";
import { type OnnxCalls, packTensors, type ThreadOrder, type ThreadRun, unpackTensors } from "./onnx-messages.js";

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
  readonly moved: readonly ArrayBuffer[];
  resolve(done: { results: Tensors; micros: number }): void;
  reject(error: Error): void;
}

interface Thread {
  readonly host: WorkerHost<OnnxCalls>;
  readonly open: Promise<void>;
  isOpen: boolean;
}

/** @param most threads at a time: the instances that run beside each other */
export function onnxThreads(order: ThreadOrder, most: number): OnnxThreads {
  const threads = new Set<Thread>();
  const queue: Job[] = [];
  let closed = false;
  const start = (): Thread => {
    const host = new WorkerHost<OnnxCalls>({
      title: "the thread of the session",
      name: "onnx",
      module: new URL("./onnx-thread.js", import.meta.url),
      data: order,
      native: true,
      onEnded: error => lose(thread, error),
    });
    const thread: Thread = { host, open: host.call("open", undefined), isOpen: false };
    threads.add(thread);
    thread.open.then(
      () => {
        thread.isOpen = true;
        assignRuns();
      },
      error => {
        lose(thread, error as Error);
        inBackground(host.end(), "ending the thread of a session");
      },
    );
    return thread;
  };
  const lose = (thread: Thread, error: Error): void => {
    threads.delete(thread);
    // No thread is left for the runs that wait.
    if (threads.size === 0) for (const job of queue.splice(0)) job.reject(error);
  };
  const first = start();

  function assignRuns(): void {
    for (const { host, isOpen } of threads)
      if (queue.length > 0 && isOpen && host.takesCalls && host.pending === 0) give(host, queue.shift()!);
    const coming = [...threads].filter(({ isOpen }) => !isOpen).length;
    if (queue.length > coming && threads.size < most) start();
  }

  function give(host: WorkerHost<OnnxCalls>, { run, moved, resolve, reject }: Job): void {
    host.call("run", run, moved).then(
      ({ tensors, micros }) => {
        resolve({ results: unpackTensors(tensors), micros });
        assignRuns();
      },
      error => {
        reject(error as Error);
        assignRuns();
      },
    );
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
        assignRuns();
      }),
    async close() {
      closed = true;
      for (const job of queue.splice(0)) job.reject(new Error(CLOSED));
      await Promise.all([...threads].map(({ host }) => host.end()));
    },
  };
}
