/**
 * Runs of a model that leave the event loop → threads or processes, each with a session of its own. Triton has one for each instance, too. They
 * run in parallel, and the event loop serves other requests meanwhile. The binding has no asynchronous run.
 */
import type * as ort from "onnxruntime-node";
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import type { Cancellation } from "../../base/cancellation.js";
import { inBackground } from "../../base/in-background.js";
import { cancelled } from "../scheduling/refusals.js";
import type { Graph } from "./onnx-graph.js";
import {
  type OnnxCalls,
  packTensors,
  type SessionOrder,
  type SessionRan,
  type SessionRun,
  unpackTensors,
} from "./onnx-messages.js";

type Tensors = Readonly<Record<string, ort.Tensor>>;

/** A thread or a process with a session. */
export interface OnnxHost {
  /** False when it has ended or will. */
  readonly takesCalls: boolean;
  readonly isBusy: boolean;
  /** @returns the graph, from a process @throws Error with ONNX Runtime's text, as `run` does */
  open(): Promise<Graph | undefined>;
  run(run: SessionRun, moved: readonly ArrayBuffer[]): Promise<SessionRan>;
  /** Ends it in its run; a thread can't be. */
  kill?(reason: Error): void;
  end(): Promise<void>;
}

/** @param onEnded called when it has ended, for whatever reason */
export type StartHost = (onEnded: (reason: Error) => void) => OnnxHost;

export interface Ran {
  readonly results: Tensors;
  readonly micros: number;
}

export interface OnnxPool {
  /** Resolves when the first host can run, with the graph if it is a process; rejects where none could open the model. */
  readonly open: Promise<Graph | undefined>;
  /**
   * @param signal a run that waits is taken back, and a process is ended in its run
   * @throws Error with ONNX Runtime's text
   */
  run(feeds: Tensors, wanted: readonly string[], signal?: Cancellation): Promise<Ran>;
  /** Ends the hosts: a thread after its run, a process at once. Runs that wait for one are refused. */
  close(): Promise<void>;
}

const CLOSED = "the session has ended";

interface Job {
  readonly run: SessionRun;
  readonly moved: readonly ArrayBuffer[];
  /** Runs it. */
  host: OnnxHost | undefined;
  resolve(ran: Ran): void;
  reject(error: Error): void;
}

interface Member {
  readonly host: OnnxHost;
  readonly open: Promise<Graph | undefined>;
  isOpen: boolean;
}

/** Threads of this process. */
export const inThreads =
  (order: SessionOrder): StartHost =>
  onEnded => {
    const host = new WorkerHost<OnnxCalls>({
      title: "the thread of the session",
      name: "onnx",
      module: new URL("./onnx-thread.js", import.meta.url),
      data: order,
      native: true,
      onEnded,
    });
    return {
      get takesCalls() {
        return host.takesCalls;
      },
      get isBusy() {
        return host.pending > 0;
      },
      open: async () => void (await host.call("open", undefined)),
      run: (run, moved) => host.call("run", run, moved),
      end: () => host.end(),
    };
  };

/** @param most hosts at a time: the instances that run beside each other */
export function onnxPool(startHost: StartHost, most: number): OnnxPool {
  const members = new Set<Member>();
  const queue: Job[] = [];
  let closed = false;
  const start = (): Member => {
    const host = startHost(error => lose(member, error));
    const member: Member = { host, open: host.open(), isOpen: false };
    members.add(member);
    member.open.then(
      () => {
        member.isOpen = true;
        assignRuns();
      },
      error => {
        lose(member, error as Error);
        inBackground(host.end(), "ending a session");
      },
    );
    return member;
  };
  const lose = (member: Member, error: Error): void => {
    members.delete(member);
    if (member.isOpen) assignRuns();
    // None is left for the runs that wait, and another one would not open either.
    else if (members.size === 0) for (const job of queue.splice(0)) job.reject(error);
  };
  const first = start();

  function assignRuns(): void {
    for (const { host, isOpen } of members)
      if (queue.length > 0 && isOpen && host.takesCalls && !host.isBusy) give(host, queue.shift()!);
    const coming = [...members].filter(({ isOpen }) => !isOpen).length;
    if (queue.length > coming && members.size < most) start();
  }

  function give(host: OnnxHost, job: Job): void {
    job.host = host;
    host
      .run(job.run, job.moved)
      .then(({ tensors, micros }) => job.resolve({ results: unpackTensors(tensors), micros }))
      .catch(job.reject)
      .finally(assignRuns);
  }

  function takeBack(job: Job): void {
    if (job.host) job.host.kill?.(cancelled());
    else {
      queue.splice(queue.indexOf(job), 1);
      job.reject(cancelled());
    }
  }

  return {
    open: first.open,
    async run(feeds, wanted, signal) {
      if (closed) throw new Error(CLOSED);
      if (signal?.aborted) throw cancelled();
      const { tensors, moved } = packTensors(feeds);
      let abort = (): void => {};
      const ran = new Promise<Ran>((resolve, reject) => {
        const job: Job = { run: { feeds: tensors, wanted }, moved, host: undefined, resolve, reject };
        abort = () => takeBack(job);
        queue.push(job);
      });
      signal?.addEventListener("abort", abort, { once: true });
      assignRuns();
      return ran.finally(() => signal?.removeEventListener("abort", abort));
    },
    async close() {
      closed = true;
      for (const job of queue.splice(0)) job.reject(new Error(CLOSED));
      await Promise.all([...members].map(({ host }) => host.end()));
    },
  };
}
