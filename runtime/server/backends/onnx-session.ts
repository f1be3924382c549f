/**
 * A model file → a session of ONNX Runtime that can also run at once. The package's own `InferenceSession` is a promise around a
 * synchronous call, one turn of the event loop later. A plan's small models are done before that turn. So sessions on the CPU are opened by
 * the binding below it.
 */

import type * as ort from "onnxruntime-node";
import type { Binding } from "onnxruntime-node/dist/binding.js";
import { type DType, onnxDatatype } from "../../../triton-protos/datatype.js";
import { callCosts } from "../../base/call-costs.js";
import { RuntimeFault, unsupported } from "../../base/errors.js";
import type { NativeMark } from "../../base/native-marks.js";
import { silenceOnnx } from "../../base/onnx-telemetry.js";
import { usableProcessors } from "../../base/processors.js";
import { findBinding } from "./onnx-binding.js";
import type { Graph } from "./onnx-graph.js";
import type { OwnFiles } from "./onnx-own-files.js";
import { inThreads, type OnnxPool, onnxPool } from "./onnx-pool.js";
import { inProcesses, mayStartProcesses, type ProcessOrder } from "./onnx-process.js";
import type { Feeds, OnnxSession, Tensors } from "./onnx-run.js";

type Options = ort.InferenceSession.SessionOptions;
type RunOf = Parameters<OnnxSession["run"]>;

export interface SessionUse {
  /** Instances that run beside each other. */
  readonly instances: number;
  /** Whether the model is too large to be held twice, for quick runs and for long ones. */
  readonly large: boolean;
  /** Opened by sessions in other threads, if the file is a copy. */
  readonly copies?: OwnFiles | undefined;
  /** How processes run it. */
  readonly apart?: Pick<ProcessOrder, "model" | "memory" | "warn">;
  /** Shows which model's native code ended the process. */
  readonly mark?: NativeMark | undefined;
}

/** @throws Error with ONNX Runtime's text, RuntimeFault for a value that is not a tensor */
export async function openSession(
  file: string,
  options: Options,
  use: SessionUse = { instances: 1, large: false },
): Promise<OnnxSession> {
  silenceOnnx();
  const [first, ...others] = options.executionProviders ?? [];
  const native = first === "cpu" && others.length === 0 ? findBinding() : undefined;
  if (native) return openNative(native, file, options, use);
  const session = await openPackage(file, options);
  return typeof first === "object" && first.name === "webgpu"
    ? withEmptyOnCpu(session, () => openSession(file, { ...options, executionProviders: ["cpu"] }))
    : session;
}

const sideOf = (values: readonly Binding.ValueMetadata[]) =>
  values.map(({ name, isTensor, type, shape }) => ({ name, dtype: isTensor && readType(type), shape }));

async function openNative(
  Session: Binding.InferenceSessionConstructor,
  file: string,
  options: Options,
  { instances, large, copies, mark, apart = { model: "the model", memory: Number.POSITIVE_INFINITY } }: SessionUse,
): Promise<OnnxSession> {
  let session: Binding.InferenceSession | undefined = new Session();
  mark?.enter("loop");
  session.loadModel(file, options);
  mark?.leave("loop");
  const graph = readGraph(sideOf(session.inputMetadata), sideOf(session.outputMetadata));
  const costs = callCosts();
  /** The outputs of the last run: mostly the same ones are requested. */
  let asked: readonly string[] = [];
  let fetches: Record<string, null> = {};
  const runHere = (feeds: Feeds, wanted: readonly string[], elements: number): Tensors => {
    requireFeeds(graph, feeds);
    if (wanted !== asked) {
      asked = wanted;
      fetches = {};
      for (const name of wanted) fetches[name] = null;
    }
    const began = performance.now();
    mark?.enter("loop");
    try {
      const results = session!.run(feeds as Tensors, fetches, {}) as Tensors;
      costs.learn(sizeOf(elements), elements, (performance.now() - began) * 1000);
      return results;
    } finally {
      mark?.leave("loop");
    }
  };
  const mayStart = mayStartProcesses();
  const isOpenEnded = graph.inputs.some(({ shape }) => shape.slice(1).some(dim => dim < 0));
  let processes: OnnxPool | undefined;
  let threads: OnnxPool | undefined;
  let open = false;
  const startThreads = (): void => {
    threads = onnxPool(inThreads({ file, copies, options }), instances);
    threads.open.then(
      () => {
        open = true;
        if (!large) return;
        session?.dispose();
        session = undefined;
      },
      // The model runs here as before, and no thread is tried again.
      () => {},
    );
  };
  const runIn = async (pool: OnnxPool, [feeds, wanted, signal]: RunOf, elements: number): Promise<Tensors> => {
    requireFeeds(graph, feeds);
    const { results, micros } = await pool.run(feeds, wanted, signal);
    costs.learn(sizeOf(elements), elements, micros);
    return results;
  };
  const inThread = async (run: RunOf, elements: number): Promise<Tensors> => {
    mark?.enter("thread");
    try {
      return await runIn(threads!, run, elements);
    } finally {
      mark?.leave("thread");
    }
  };
  return {
    graph,
    runSync(feeds, wanted) {
      const elements = elementsOf(feeds);
      return session && !mark?.isIsolated && costs.isQuick(sizeOf(elements), elements)
        ? runHere(feeds, wanted, elements)
        : undefined;
    },
    run(...run) {
      const [feeds, wanted] = run;
      const elements = elementsOf(feeds);
      const size = sizeOf(elements);
      if (
        mayStart &&
        (mark?.isIsolated || costs.isEndless(size, elements) || (isOpenEnded && costs.mayBeLong(size, elements)))
      ) {
        processes ??= onnxPool(
          inProcesses({ file, copies, options, ...apart }),
          Math.min(instances, usableProcessors()),
        );
        return runIn(processes, run, elements);
      }
      if (!session || costs.isLong(size, elements)) {
        if (!threads) startThreads();
        if (open) return inThread(run, elements);
      }
      return new Promise((resolve, reject) => {
        setImmediate(() => {
          try {
            resolve(session ? runHere(feeds, wanted, elements) : inThread(run, elements));
          } catch (error) {
            reject(error);
          }
        });
      });
    },
    async release() {
      session?.dispose();
      session = undefined;
      await threads?.close();
      await processes?.close();
    },
  };
}

/** A session in processes of its own, which none of its runs leaves. @throws Error with ONNX Runtime's text, RuntimeFault */
export async function openApart(order: ProcessOrder, instances: number): Promise<OnnxSession> {
  const pool = onnxPool(inProcesses(order), Math.min(instances, usableProcessors()));
  const graph = await pool.open;
  return {
    graph: graph!,
    async run(feeds, wanted, signal) {
      requireFeeds(graph!, feeds);
      return (await pool.run(feeds, wanted, signal)).results;
    },
    release: () => pool.close(),
  };
}

function requireFeeds({ inputs }: Graph, feeds: Feeds): void {
  for (const { name } of inputs)
    if (feeds[name] === undefined) throw new Error(`input '${name}' is missing in 'feeds'.`);
}

/** Runs within a power of two of each other's elements cost alike for each. */
const sizeOf = (elements: number): number => Math.ceil(Math.log2(elements));

function elementsOf(feeds: Feeds): number {
  let count = 0;
  for (const name in feeds) count += feeds[name]!.size;
  return count;
}

/** @param type `onnx.TensorProto.DataType`; the binding makes no tensors of bfloat16 */
function readType(type: number): DType {
  const row = onnxDatatype(type);
  if (!row || row.name === "bfloat16") throw new Error(`Unsupported data type: ${type}`);
  return row.name;
}

export async function openPackage(file: string, options: Options): Promise<OnnxSession> {
  const { InferenceSession } = await import("onnxruntime-node").catch(error => {
    throw RuntimeFault.from(error, "onnxruntime-node can't be loaded");
  });
  const session = await InferenceSession.create(file, options);
  const side = (values: readonly ort.InferenceSession.ValueMetadata[]) =>
    values.map(value => ({
      name: value.name,
      dtype: value.isTensor && (value.type as DType),
      shape: value.isTensor ? value.shape.map(dim => (typeof dim === "number" ? dim : -1)) : [],
    }));
  return {
    graph: readGraph(side(session.inputMetadata), side(session.outputMetadata)),
    run: async (feeds, wanted) => (await session.run(feeds, wanted)) as Tensors,
    release: () => session.release(),
  };
}

interface Value {
  readonly name: string;
  /** False for a value that is not a tensor. */
  readonly dtype: DType | false;
  readonly shape: readonly number[];
}

function readGraph(inputs: readonly Value[], outputs: readonly Value[]): Graph {
  const side = (values: readonly Value[]) =>
    values.map(({ name, dtype, shape }) => {
      if (dtype) return { name, dtype, shape };
      throw unsupported(`Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I/O '${name}', expected 'ONNX_TYPE_TENSOR'.`);
    });
  return { inputs: side(inputs), outputs: side(outputs) };
}

/**
 * A session on WebGPU → one that gives tensors without elements to the CPU. ONNX Runtime's WebGPU provider divides by their size, which
 * crashes the process (MatMul of 1.30), or refuses them (Softmax). They need no computation.
 * @param openOnCpu the same model there: opened with the first such tensor
 */
function withEmptyOnCpu(session: OnnxSession, openOnCpu: () => Promise<OnnxSession>): OnnxSession {
  let onCpu: Promise<OnnxSession> | undefined;
  const open = (): Promise<OnnxSession> =>
    openOnCpu().catch(error => {
      onCpu = undefined;
      throw error;
    });
  return {
    graph: session.graph,
    async run(feeds, wanted) {
      if (!hasEmpty(feeds)) return session.run(feeds, wanted);
      onCpu ??= open();
      return (await onCpu).run(feeds, wanted);
    },
    async release() {
      await session.release();
      await onCpu?.then(opened => opened.release());
    },
  };
}

function hasEmpty(feeds: Tensors): boolean {
  for (const name in feeds) if (feeds[name]!.size === 0) return true;
  return false;
}
