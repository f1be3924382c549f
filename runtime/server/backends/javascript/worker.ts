/**
 * The worker thread of a JavaScript model: loads `model.mjs`, runs its functions, one execution after the other, hands answers back.
 */

import { pathToFileURL } from "node:url";
import { serveCalls, workerStart } from "../../../../contract/workers/serve-calls.js";
import { inBackground } from "../../../base/in-background.js";
import type { JavaScriptModel, ModelContext, ModelResponse } from "./api.js";
import { createCalls } from "./calls.js";
import { errorText } from "./error-text.js";
import { createLink } from "./link.js";
import { createOutputPool } from "./output-pool.js";
import { nameTable } from "./packing.js";
import {
  BELL,
  EXECUTION,
  type FromWorker,
  type ModelCalls,
  type Returned,
  type RingMessage,
  type ToWorker,
  type WireRecord,
  type WorkerData,
} from "./protocol.js";
import { giveBack, type Marks, type RequestContext, readRequest, writeAnswer } from "./requests.js";

const { start, shared } = workerStart<WorkerData>();
const { config } = start;
const allOutputs = config.output.map(({ name }) => name);
const link = createLink<FromWorker, ToWorker>({
  out: shared.fromWorker,
  in: shared.toWorker,
  bulk: shared.bulk,
  names: { in: nameTable(config.input.map(({ name }) => name)), out: nameTable(allOutputs) },
  ring: () => port.notify(BELL),
});
/** The execution that runs: a model's calls are its. */
let current: number | undefined;
const calls = createCalls(
  message => link.post(message),
  () => current,
);
const states = new Int32Array(shared.states);
const decoupled = config.model_transaction_policy?.decoupled === true;
const requests: RequestContext = {
  decoupled,
  cells: new Uint8Array(shared.cells),
  allOutputs,
  outputPool: createOutputPool(shared.spares),
  post: message => link.post(message),
};
const context: ModelContext = {
  name: config.name,
  version: start.version,
  instance: start.instance,
  folder: start.folder,
  config,
  ...calls.api,
};

async function load(): Promise<JavaScriptModel> {
  const module = (await import(pathToFileURL(start.file).href)) as { default?: JavaScriptModel } & JavaScriptModel;
  const model = typeof module.execute === "function" ? module : module.default;
  if (typeof model?.execute !== "function")
    throw new TypeError(
      `${start.file} exports no function \`execute\`; write \`export function execute(requests) { … }\``,
    );
  await model.initialize?.(context);
  return model;
}

const isPromise = <T>(value: T | Promise<T>): value is Promise<T> =>
  typeof (value as { readonly then?: unknown } | undefined)?.then === "function";

/** All loans of an execution are returned. */
function allLent(records: readonly WireRecord[]): { readonly returned?: readonly Returned[] } {
  if (!records.some(({ buffers }) => buffers)) return {};
  return { returned: records.flatMap(({ buffers }, i) => (buffers ? [giveBack(i, buffers)] : [])) };
}

/** Runs an execution. @returns a promise only when the model does */
function execute(model: JavaScriptModel, { execution, records }: RingMessage): Promise<void> | undefined {
  const marks: Marks = { held: new Set(), again: new Set() };
  const raise = (error: unknown): void =>
    link.post({ kind: "raised", execution, message: errorText(error, start.folder), ...allLent(records) });
  try {
    const asked = records.map((record, i) => readRequest(requests, execution, i, record, marks));
    const answer = (responses: readonly ModelResponse[] | undefined): void => {
      if (decoupled) {
        asked.forEach((request, i) => {
          if (!marks.held.has(i)) request.close();
        });
        link.post({ kind: "done", execution, slot: 0, records: [] });
        return;
      }
      if (responses?.length !== records.length)
        throw new RangeError(`execute returned ${responses?.length ?? "no"} responses for ${records.length} requests`);
      const answers = responses.map((response, i) =>
        writeAnswer(response, i, requests.outputPool, { again: marks.again.has(i), lent: records[i]!.buffers }),
      );
      link.post({ kind: "answers", execution, slot: 0, records: answers, ...allLent(records) });
    };
    const responses = model.execute(asked, context);
    if (isPromise(responses)) return responses.then(answer).catch(raise);
    answer(responses);
  } catch (error) {
    raise(error);
  }
  return undefined;
}

/** How long the thread takes messages, or waits for one, before timers and I/O have their turn. */
const TURN_MS = 1;

interface Loop {
  /** Looks into the ring. */
  turn(): void;
  /** Begins with executions. */
  serve(model: JavaScriptModel): void;
  finalize(): void | Promise<void>;
}

/** Takes messages from now on; executions follow when `serve` has a model for them. */
function createLoop(): Loop {
  const waiting: RingMessage[] = [];
  let model: JavaScriptModel | undefined;
  let running = false;
  let planned = false;
  const take = (): boolean => {
    const message = link.take();
    if (!message) return false;
    if (message.kind === "answer") calls.answer(message);
    else waiting.push(message);
    return true;
  };
  const begin = (message: RingMessage): void => {
    const { execution, slot, records } = message;
    if (Atomics.compareExchange(states, slot, EXECUTION.WAITS, EXECUTION.BEGUN) !== EXECUTION.WAITS) {
      link.post({ kind: "dropped", execution, slot, records: [], ...allLent(records) });
      return;
    }
    current = execution;
    const promise = execute(model!, message);
    if (!promise) {
      current = undefined;
      return;
    }
    running = true;
    const after = promise.then(() => {
      current = undefined;
      running = false;
      turn();
    });
    inBackground(after, "an execution");
  };
  const turn = (): void => {
    if (planned) return;
    const until = performance.now() + TURN_MS;
    for (;;) {
      while (take());
      const busy = running || !model;
      if (!busy && waiting.length > 0) begin(waiting.shift()!);
      else if ((busy || !link.park(TURN_MS)) && link.sleep()) return;
      if (performance.now() < until) continue;
      planned = true;
      setImmediate(() => {
        planned = false;
        turn();
      });
      return;
    }
  };
  turn();
  return {
    turn,
    serve(loaded) {
      model = loaded;
      turn();
    },
    finalize: () => model?.finalize?.(),
  };
}

const loop = createLoop();
const port = serveCalls<ModelCalls>(
  {
    async load() {
      try {
        loop.serve(await load());
      } catch (error) {
        throw new Error(errorText(error, start.folder));
      }
    },
  },
  {
    onNotice: loop.turn,
    async onEnd() {
      try {
        await loop.finalize();
      } finally {
        // The model may have timers or sockets, which would keep the thread.
        process.exit();
      }
    },
  },
);
