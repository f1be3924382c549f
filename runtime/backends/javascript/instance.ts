/**
 * One instance of a JavaScript model: a worker thread, started again when it has died. What it does wrong stays its own fault.
 */
import { Worker } from "node:worker_threads";
import type { InferResponse } from "../../data-plane/request.js";
import { RuntimeFault } from "../../errors.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import type { BackendRequest, BackendResponse, Send, ServerModels } from "../backend.js";
import type { FromWorker, ToWorker, WireAnswer, WireCall, WireModelRequest, WorkerStart } from "./protocol.js";
import { detached, movable } from "./tensors.js";

export interface JavaScriptInstance {
  /** Resolves when the model has initialised. @throws RuntimeFault when it could not */
  ready(): Promise<void>;
  /** Resolves when `execute` has ended. @throws RuntimeFault when it threw, took too long or took the thread down */
  run(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Promise<void>;
  close(): Promise<void>;
}

interface Execution {
  readonly send: Send;
  readonly count: number;
  resolve(): void;
  reject(fault: RuntimeFault): void;
  forget(): void;
}

/** How long a model may take to finalize before its thread is ended. */
const FINALIZE_MS = 5000;

/** @param limit milliseconds an execution may take; 0 for any */
export function startInstance(start: WorkerStart, server: ServerModels, limit: number): JavaScriptInstance {
  const decoupled = start.config.model_transaction_policy?.decoupled === true;
  const executions = new Map<number, Execution>();
  /** Requests whose answers go on after `execute` has ended. */
  const held = new Map<number, { readonly send: Send; readonly open: Set<number> }>();
  let next = 1;
  let closing = false;
  let thread: Promise<Worker> | undefined;

  const end = (reason: string): void => {
    thread = undefined;
    const fault = new RuntimeFault("INTERNAL", `${prefix(start)}${reason}`);
    for (const [execution, { send, open }] of held)
      for (const request of open) {
        send(request, fault);
        send(request, undefined);
        held.delete(execution);
      }
    for (const execution of executions.values()) execution.reject(fault);
  };
  const receive = (worker: Worker, message: FromWorker): void => {
    if (message.kind === "call") void answerCall(worker, message.call, message.request);
    else if (message.kind === "send") {
      const { execution, request } = message;
      const target = held.get(execution);
      target?.send(request, message.answer && answerOf(message.answer));
      const last = !message.answer || message.answer.again;
      if (last && target?.open.delete(request) && target.open.size === 0) held.delete(execution);
    } else if (message.kind === "done") {
      const { execution, answers } = message;
      const target = held.get(execution);
      answers?.forEach((answer, request) => {
        target?.send(request, answerOf(answer));
      });
      executions.get(execution)?.resolve();
    } else if (message.kind === "raised") {
      held.delete(message.execution);
      executions.get(message.execution)?.reject(new RuntimeFault("INTERNAL", `${prefix(start)}${message.message}`));
    }
  };
  const answerCall = (worker: Worker, call: number, { model, version, ...request }: WireCall): Promise<void> => {
    const post = (message: ToWorker): void => worker.postMessage(message);
    return server.infer(model, version, { ...request, parameters: new Map(request.parameters) }, (answer, final) => {
      if (answer === undefined) post({ kind: "answer", call, final });
      else if (answer instanceof Error)
        post({ kind: "answer", call, answer: { code: answer.code, message: answer.message }, final });
      else post({ kind: "answer", call, answer: wireAnswer(answer), final });
    });
  };
  const open = (): Promise<Worker> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: start, name: start.instance });
      let started = false;
      let reason = "the model's thread has ended";
      worker.on("message", (message: FromWorker) => {
        if (started) receive(worker, message);
        else if (message.kind === "ready") {
          started = true;
          resolve(worker);
        } else if (message.kind === "failed") {
          reason = message.message;
          void worker.terminate();
        }
      });
      worker.on("error", error => {
        reason = `the model's thread has ended: ${error.message}`;
      });
      worker.on("exit", () => {
        if (!started) reject(new RuntimeFault("INTERNAL", reason));
        else if (!closing) end(reason);
      });
    });
  const running = (): Promise<Worker> => {
    thread ??= open();
    thread.catch(() => {
      thread = undefined;
    });
    return thread;
  };

  return {
    ready: async () => void (await running()),
    async run(requests, send, clock) {
      const worker = await running();
      const execution = next++;
      held.set(execution, { send, open: new Set(requests.keys()) });
      const wire = requests.map(wireRequest);
      clock?.inputsReady();
      try {
        await new Promise<void>((resolve, reject) => {
          const forget = watch(worker, execution, requests);
          executions.set(execution, { send, count: requests.length, resolve, reject, forget });
          worker.postMessage(
            { kind: "execute", execution, requests: wire } satisfies ToWorker,
            wire.flatMap(({ inputs }) => movable(inputs)),
          );
          if (limit > 0) {
            const timer = setTimeout(() => {
              end(`execution took longer than ${limit} ms; the instance was started again`);
              void worker.terminate();
            }, limit);
            const own = executions.get(execution)!;
            executions.set(execution, {
              ...own,
              forget() {
                clearTimeout(timer);
                own.forget();
              },
            });
          }
        });
      } finally {
        executions.get(execution)?.forget();
        executions.delete(execution);
        if (!decoupled) held.delete(execution);
      }
    },
    async close() {
      closing = true;
      const worker = await thread?.catch(() => undefined);
      if (!worker) return;
      worker.postMessage({ kind: "finalize" } satisfies ToWorker);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, FINALIZE_MS);
        const stop = (): void => {
          clearTimeout(timer);
          resolve();
        };
        worker.on("message", (message: FromWorker) => message.kind === "finalized" && stop());
        worker.on("exit", stop);
      });
      await worker.terminate();
    },
  };
}

const prefix = ({ instance }: WorkerStart): string =>
  `Failed to process the request(s) for model '${instance}', message: `;

/** Tells the model when a client goes away. */
function watch(worker: Worker, execution: number, requests: readonly BackendRequest[]): () => void {
  const ends = requests.map(({ signal }, request) => {
    if (!signal) return () => {};
    const tell = (): void => worker.postMessage({ kind: "cancel", execution, request } satisfies ToWorker);
    if (signal.aborted) tell();
    signal.addEventListener("abort", tell, { once: true });
    return () => signal.removeEventListener("abort", tell);
  });
  return () => {
    for (const stop of ends) stop();
  };
}

function wireRequest({ id, parameters, controls, inputs, requestedOutputs }: BackendRequest): WireModelRequest {
  const { correlationId, start, end, timeout, priority } = controls;
  return {
    id,
    correlationId,
    start,
    end,
    timeout,
    priority,
    parameters: [...parameters],
    inputs: [...inputs.values()].map(detached),
    outputs: [...requestedOutputs],
  };
}

const wireAnswer = ({ outputs, parameters }: InferResponse): WireAnswer => ({
  outputs: outputs.map(detached),
  parameters: [...parameters],
});

function answerOf({ outputs, parameters, error, again }: WireAnswer): BackendResponse {
  const response = { outputs, parameters, ...(again && { again }) };
  return error ? { ...response, error: new RuntimeFault(error.code, error.message) } : response;
}
