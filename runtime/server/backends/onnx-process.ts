/**
 * A process with a session, for runs that may take any time or memory. These are runs of models that requests brought, and others whose
 * cost is not known. A thread can't be ended in native code. A process is killed in its run, the kernel bounds its memory, and a crash ends nothing else.
 */
import { fork } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type * as ort from "onnxruntime-node";
import type { ErrorData } from "../../../contract/workers/messages.js";
import { WorkerFault } from "../../../contract/workers/worker-host.js";
import { internal, RuntimeFault, type StatusCode, unavailable } from "../../base/errors.js";
import { silenceOnnx } from "../../base/onnx-telemetry.js";
import type { Graph } from "./onnx-graph.js";
import type { SessionOrder, SessionRan, SessionRun } from "./onnx-messages.js";
import { placeAgain } from "./onnx-own-files.js";
import type { OnnxHost, StartHost } from "./onnx-pool.js";

export interface ProcessOrder extends SessionOrder {
  /** The model, for messages. */
  readonly model: string;
  /** Bytes of memory that it may take; `Infinity` for any number. */
  readonly memory: number;
  readonly warn?: ((text: string) => void) | undefined;
}

export type FromParent =
  | { readonly call: "open"; readonly file: string; readonly options: ort.InferenceSession.SessionOptions }
  | { readonly call: "run"; readonly argument: SessionRun };

type Reply = { readonly value: never } | { readonly fault: ErrorData };

const PROGRAM = fileURLToPath(new URL("./onnx-child.js", import.meta.url));
/** A session must be open after this time, and the reading time of a slow disk. */
const OPEN_MS = 30_000;
const SLOWEST_BYTES_PER_MS = 20_000;
/** A process without a run ends after this time. The next run starts another one. */
const IDLE_MS = 60_000;
/** Time between the start of a process that ended by itself and the next one; it doubles with each that follows. */
const AGAIN_MS = 1000;
const LATEST_AGAIN_MS = 60_000;

/** Processes of all models at a time. Another one takes the place of the one that has been idle for longest. */
const MOST = 16;

/** Those that have not ended, the longest idle first. */
const live = new Set<OnnxHost>();

/** @throws Error if all places are taken by runs */
function makeRoom(): void {
  if (live.size < MOST) return;
  for (const host of live)
    if (!host.isBusy) {
      live.delete(host);
      host.kill?.(new Error("another model took its place"));
      return;
    }
  throw new Error(`${MOST} of this server compute already`);
}

/**
 * The kernel counts private memory that can be written: no reservations of address space, and no mapped files. A lower limit that the server
 * has itself stays.
 */
const withLimit = (bytes: number): Pick<Parameters<typeof fork>[2] & object, "execPath" | "execArgv"> =>
  process.platform === "win32" || !Number.isFinite(bytes)
    ? { execArgv: [] }
    : {
        execPath: "/bin/sh",
        execArgv: ["-c", `ulimit -d ${Math.ceil(bytes / 1024)} 2>/dev/null; exec "$@"`, "sh", process.execPath],
      };

/** False under Node's permission model without `--allow-child-process`. */
export const mayStartProcesses = (): boolean =>
  // Undefined without the permission model, though its type is not.
  (process.permission as NodeJS.ProcessPermission | undefined)?.has("child") ?? true;

/** Processes of one model. */
export function inProcesses(order: ProcessOrder): StartHost {
  /** Those that ended by themselves since the last run that succeeded. */
  let ends = 0;
  let next = 0;
  return onEnded => {
    const wait = next - performance.now();
    if (wait > 0)
      return refusing(
        unavailable(
          `${order.model} is not run: its process has ended by itself ${ends === 1 ? "once" : `${ends} times`} since its last run that succeeded, and starts again in ${(wait / 1000).toFixed(1)} s`,
        ),
      );
    const events: ProcessEvents = {
      onEnded,
      onRan: () => {
        ends = 0;
      },
      onCrash(error) {
        next = performance.now() + Math.min(LATEST_AGAIN_MS, AGAIN_MS * 2 ** ends++);
        order.warn?.(error.message);
      },
    };
    try {
      return startProcess(order, events);
    } catch (error) {
      return refusing(notStarted(order, error as Error));
    }
  };
}

const refusing = (error: Error): OnnxHost => ({
  takesCalls: false,
  isBusy: false,
  open: () => Promise.reject(error),
  run: () => Promise.reject(error),
  end: async () => {},
});

const notStarted = ({ model }: ProcessOrder, error: Error): Error =>
  unavailable(`the process of ${model} could not be started: ${error.message}`, { cause: error });

interface ProcessEvents {
  readonly onEnded: (reason: Error) => void;
  readonly onRan: () => void;
  /** It has ended by itself. */
  readonly onCrash: (error: Error) => void;
}

function startProcess(order: ProcessOrder, { onEnded, onRan, onCrash }: ProcessEvents): OnnxHost {
  silenceOnnx();
  makeRoom();
  const child = fork(PROGRAM, [], {
    ...withLimit(order.memory),
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  let waiting: { resolve(value: never): void; reject(error: Error): void } | undefined;
  /** Why it takes no more calls. */
  let over: Error | undefined;
  const idle = setTimeout(() => {
    if (!waiting) kill(new Error("it was idle"));
  }, IDLE_MS).unref();
  const keepParent = (keeps: boolean): void => {
    for (const one of [child, child.channel])
      if (keeps) one?.ref();
      else one?.unref();
  };
  const settle = (act: (call: NonNullable<typeof waiting>) => void): void => {
    const call = waiting;
    waiting = undefined;
    idle.refresh();
    keepParent(false);
    if (live.delete(host)) live.add(host);
    if (call) act(call);
  };
  const kill = (reason: Error): void => {
    over ??= reason;
    child.kill("SIGKILL");
    settle(({ reject }) => reject(reason));
  };
  const ended = new Promise<void>(resolve => {
    const end = (error: Error): void => {
      clearTimeout(idle);
      live.delete(host);
      if (!over) onCrash(error);
      over ??= error;
      settle(({ reject }) => reject(error));
      onEnded(error);
      resolve();
    };
    child.once("exit", (code, signal) => end(over ?? crash(order, code, signal)));
    child.once("error", error => {
      if (child.pid === undefined) end(notStarted(order, error));
    });
  });
  child.on("message", (reply: Reply) =>
    settle(call => ("fault" in reply ? call.reject(faultOf(reply.fault, order)) : call.resolve(reply.value))),
  );
  const send = <T>(message: FromParent): Promise<T> =>
    new Promise((resolve, reject) => {
      if (over) throw over;
      waiting = { resolve, reject };
      keepParent(true);
      // A process that can't receive has ended, which is noticed.
      child.send(message, () => {});
    });
  const open = async (): Promise<Graph> => {
    const placed = order.copies && placeAgain(order.copies);
    const file = placed?.file ?? order.file;
    const within = Math.ceil(OPEN_MS + statSync(file).size / SLOWEST_BYTES_PER_MS);
    const late = setTimeout(() => kill(internal(`${order.model} was not opened within ${within} ms`)), within);
    try {
      return await send<Graph>({ call: "open", file, options: order.options });
    } catch (error) {
      // The path of the copies is meaningless to readers.
      if (placed) (error as Error).message = (error as Error).message.replaceAll(dirname(file), dirname(order.file));
      throw error;
    } finally {
      clearTimeout(late);
      placed?.remove();
    }
  };
  const host: OnnxHost = {
    get takesCalls() {
      return over === undefined;
    },
    get isBusy() {
      return waiting !== undefined;
    },
    open,
    async run(argument) {
      const ran = await send<SessionRan>({ call: "run", argument });
      onRan();
      return ran;
    },
    kill,
    end() {
      kill(new Error("the session has ended"));
      child.ref();
      return ended;
    },
  };
  live.add(host);
  return host;
}

function crash({ model, memory }: ProcessOrder, code: number | null, signal: NodeJS.Signals | null): Error {
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  const likely = Number.isFinite(memory)
    ? `, as when its ${Math.round(memory / 2 ** 20)} MiB of memory are used up`
    : "";
  return internal(`the process of ${model} ${how}${likely}`);
}

/** Messages of ONNX Runtime and V8 where memory runs out. */
const OUT_OF_MEMORY = /bad_alloc|Failed to allocate|allocation failed/;

function faultOf(fault: ErrorData, { model, memory }: ProcessOrder): Error {
  if (fault.name === "RuntimeFault") return new RuntimeFault(fault.code as StatusCode, fault.message);
  if (!Number.isFinite(memory) || !OUT_OF_MEMORY.test(fault.message)) return new WorkerFault(fault);
  const bound = `${model} may take ${Math.round(memory / 2 ** 20)} MiB`;
  return new WorkerFault({ ...fault, message: `${fault.message.trimEnd()}; ${bound}` });
}
