/**
 * The ONNX Runtime backend: `model.onnx` in the version folder → a session for each device.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type * as ort from "onnxruntime-node";
import { ONE_THREAD_BYTES, THREADS_PARAMETER } from "../../../contract/onnx-threads.js";
import type { Values } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { all, type Cancellation } from "../../base/cancellation.js";
import { internal, invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { markOf } from "../../base/native-marks.js";
import { onnxThreads } from "../../base/processors.js";
import type { Tensor, TypedTensor } from "../../base/tensor.js";
import { requireFloor } from "../../base/version-floors.js";
import type { BackendRequest, Executions } from "../contract.js";
import { fileInside } from "../models/inside-folder.js";
import type { ExecutionClock } from "../scheduling/execution-clock.js";
import { type Instance, instancesOf } from "../scheduling/instance-groups.js";
import type { Backend, LoadContext } from "./backend.js";
import { joinInputs, needsJoining, scatter, sliceRows } from "./join-batch.js";
import { completeFromGraph } from "./onnx-complete.js";
import { ortErrorNumber } from "./onnx-error-number.js";
import { checkGraph } from "./onnx-graph.js";
import { hasLoop } from "./onnx-loops.js";
import { checkMapped } from "./onnx-mapped.js";
import { closeFiles, type OwnedFiles, ownFiles } from "./onnx-own-files.js";
import { mayStartProcesses } from "./onnx-process.js";
import { type Providers, providerAdvice, providersOf } from "./onnx-providers.js";
import type { OnnxSession, Tensors } from "./onnx-run.js";
import { openApart, openSession as openFile } from "./onnx-session.js";
import { Feed, feedsOf, fromOrt, namedType } from "./onnx-tensors.js";

export const onnxruntimeBackend: Backend = {
  async autoComplete(config, folder, settings = {}, code = "all") {
    const limit = settings["default-max-batch-size"];
    if (limit !== undefined && !/^[+-]?\d+/.test(limit))
      throw invalid(`failed to convert '${limit}' to integral number`);
    // Nothing to find out, so no session is opened for it.
    if (config.input.length > 0 && config.output.length > 0) return config;
    const session = await openSession(config, folder, { isOperators: code !== "none" });
    try {
      return completeFromGraph(config, session.graph, limit === undefined ? undefined : Number.parseInt(limit, 10));
    } finally {
      await session.release();
    }
  },
  check: config => void sessionOptions(config),
  async load({ config, folder, gpus, code = "all", memory, log }) {
    const instances = instancesOf(config);
    const sessions = new Map<string, OnnxSession>();
    const close = async (): Promise<void> => {
      for (const session of sessions.values()) await session.release();
    };
    try {
      for (const instance of instances) {
        const place = placeOf(instance);
        if (sessions.has(place)) continue;
        const beside = instances.filter(other => placeOf(other) === place).length;
        const executionProviders = providersOf(config, instance, gpus);
        const isOperators = code !== "none";
        const opening = { executionProviders, instances: beside, isOperators, memory: memory?.limit, log };
        sessions.set(place, await openSession(config, folder, opening));
      }
      checkGraph(config, sessions.values().next().value!.graph);
    } catch (error) {
      await close();
      throw error;
    }
    const sessionOf = instances.map(instance => sessions.get(placeOf(instance))!);
    const [first] = sessionOf;
    const alone = sessions.size === 1 && !needsJoining(config);
    return {
      keepsNothing: true,
      ...(alone &&
        first!.runSync && { computeSync: (inputs, wanted, clock) => computeSync(first!, inputs, wanted, clock) }),
      execute: (requests, i, clock) => runBatch(sessionOf[i] ?? sessionOf[0]!, requests, config, clock),
      close,
    };
  },
};

/** Instances of one device share a session until its runs are long; then each has a thread. */
const placeOf = ({ kind, device }: Instance): string => `${kind} ${device ?? ""}`;

interface Opening {
  readonly executionProviders?: Providers;
  /** Instances that run beside each other. */
  readonly instances?: number;
  /** Whether the model is the operator's, and no request brought it. */
  readonly isOperators: boolean;
  /** Bytes that the server may take. */
  readonly memory?: number | undefined;
  readonly log?: LoadContext["log"];
}

/** Bytes of memory of a process that runs a model of a request, besides those by the size of its files. */
const UPLOADED_BYTES = 2 ** 30;
const UPLOADED_TIMES = 4;

async function openSession(
  config: ModelConfig,
  folder: string,
  { executionProviders = ["cpu"], instances = 1, isOperators, memory = Number.POSITIVE_INFINITY, log }: Opening,
): Promise<OnnxSession> {
  requireFloor("onnxruntime-node");
  const path = fileInside(
    folder,
    config.default_model_filename || "model.onnx",
    "default_model_filename",
    dirname(folder),
  );
  const found = await stat(path).catch(() => undefined);
  if (!found) throw internal(`failed to stat file ${path}`);
  const file = found.isDirectory() ? fileInside(path, "model.onnx", "default_model_filename", dirname(folder)) : path;
  const kind = file === path ? found : await stat(file).catch(() => undefined);
  if (kind && !kind.isFile()) throw invalid(`${file} of model '${config.name}' is not a regular file`);
  if (!kind) throw unavailable(`unable to find '${file}' for model instance '${config.name}'`);
  const options = sessionOptions(config);
  for (const { name } of config.optimization?.execution_accelerators?.cpu_execution_accelerator ?? [])
    throw invalid(`unknown Execution Accelerator '${name}' is requested`);
  const size = await sizeOf(dirname(file));
  const threads = options.intraOpNumThreads || (size <= ONE_THREAD_BYTES ? 1 : onnxThreads());
  const settings = { ...options, intraOpNumThreads: threads, executionProviders };
  const splits = executionProviders.every(provider => provider === "cpu");
  const own = ownFiles(file, { splits, packsFor: splits && isOperators ? settings : undefined });
  const apart = {
    model: `model '${config.name}'`,
    // Drivers of GPUs map memory of any size.
    memory: isOperators || !splits ? memory : Math.min(memory, UPLOADED_BYTES + UPLOADED_TIMES * size),
    warn: (text: string) => log?.warning("onnxruntime", text),
  };
  const mark = markOf({ model: config.name, version: basename(folder), file: `${kind.size} ${kind.mtimeMs}` });
  const use = { instances, large: size > ONE_THREAD_BYTES, copies: own?.copies, apart, mark };
  try {
    const optimized = own?.isOptimized ? { graphOptimizationLevel: "disabled" as const } : {};
    // An arena keeps the memory of its largest run.
    const given = { ...settings, ...optimized, ...(!isOperators && { enableCpuMemArena: false }) };
    const isApart = !isOperators || (mayStartProcesses() && (mark.isIsolated || (await hasLoop(file))));
    const session = isApart
      ? await openApart({ ...apart, file, copies: own?.copies, options: given }, instances)
      : await openFile(own?.file ?? file, given, use);
    const open = own ? closingFiles(session, own) : checkMapped(session, file);
    return { ...open, release: () => open.release().finally(() => mark.release()) };
  } catch (error) {
    mark.release();
    if (own) closeFiles(own.copies);
    if (error instanceof RuntimeFault) throw error;
    // The path of the copies is meaningless to readers.
    if (own) (error as Error).message = (error as Error).message.replaceAll(dirname(own.file), dirname(file));
    throw adviseOn(ortFault(error));
  } finally {
    own?.remove();
  }
}

function closingFiles(session: OnnxSession, { copies, shared }: OwnedFiles): OnnxSession {
  const open = new Set([shared]);
  return {
    ...session,
    async release() {
      await session.release();
      closeFiles(copies);
      // Threads of the session link these files, so they are referenced until then.
      open.clear();
    },
  };
}

function adviseOn(fault: RuntimeFault): RuntimeFault {
  const advice = providerAdvice(fault.message);
  return advice ? new RuntimeFault(fault.code, `${fault.message.trimEnd()}. ${advice}`, { cause: fault.cause }) : fault;
}

/** Bytes of a model's folder: a model may keep its tables in files beside it. */
async function sizeOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { withFileTypes: true })).filter(entry => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ name }) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Triton's names of the session's knobs, from the `parameters` and `optimization.graph` of the configuration. */
function sessionOptions(config: ModelConfig): ort.InferenceSession.SessionOptions {
  const text = (key: string): string | undefined => config.parameters[key]?.string_value;
  const integer = (key: string): number => {
    const value = Number(text(key) ?? "0");
    // A negative number means "automatic", as 0 does.
    if (Number.isInteger(value)) return Math.max(0, value);
    throw invalid(`failed to convert '${text(key)}' to integral number`);
  };
  const mode = text("execution_mode") ?? "0";
  if (mode !== "0" && mode !== "1")
    throw invalid(
      `Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got ${mode} .`,
    );
  for (const key of ["enable_mem_arena", "enable_mem_pattern"])
    if (!/^(0|1|true|false)$/i.test(text(key) ?? "0")) throw invalid(`failed to convert '${text(key)}' to boolean`);
  const level = config.optimization?.graph?.level ?? 0;
  return {
    intraOpNumThreads: integer(THREADS_PARAMETER),
    interOpNumThreads: integer("inter_op_thread_count"),
    executionMode: text("execution_mode") === "1" ? "parallel" : "sequential",
    graphOptimizationLevel: level === -1 ? "basic" : level === 1 ? "extended" : "all",
    enableCpuMemArena: !/^(0|false)$/i.test(text("enable_mem_arena") ?? "1"),
    enableMemPattern: !/^(0|false)$/i.test(text("enable_mem_pattern") ?? "1"),
    // Faults are thrown and answered; the library need not print them as well.
    logSeverityLevel: 4,
  };
}

/** One run of the session for all requests, synchronous if it is known to be quick; a fault fails all of them. */
function runBatch(
  session: OnnxSession,
  requests: readonly BackendRequest[],
  config: ModelConfig,
  clock?: ExecutionClock,
): Executions | Promise<Executions> {
  const fail = (error: unknown): Executions => {
    const fault = error instanceof RuntimeFault ? error : ortFault(error);
    return requests.map(() => fault);
  };
  try {
    const [only] = requests;
    const alone = requests.length === 1 && !needsJoining(config);
    const feeds = feedsOf(alone ? only!.inputs : joinInputs(requests, config), session.runSync !== undefined);
    clock?.inputsReady();
    const names = alone
      ? namesOf(only!.requestedOutputs)
      : [...new Set(requests.flatMap(request => [...request.requestedOutputs]))].sort();
    const answer = (results: Tensors): Executions => {
      clock?.computed();
      const outputs = names.map(name => fromOrt(name, results[name]!));
      return alone ? [{ outputs }] : requests.map((_, i) => ({ outputs: outputsOf(outputs, requests, i, config) }));
    };
    // A batcher forms batches while an execution is under way, so it must not end at once.
    const results = config.dynamic_batching ? undefined : session.runSync?.(feeds, names);
    return results ? answer(results) : session.run(feeds, names, jointSignal(requests)).then(answer).catch(fail);
  } catch (error) {
    return fail(error);
  }
}

/** Aborted when all requests are; undefined if one can't be. */
function jointSignal(requests: readonly BackendRequest[]): Cancellation | undefined {
  const signals = requests.flatMap(({ signal }) => signal ?? []);
  return signals.length === requests.length ? all(signals) : undefined;
}

/** The part of a request in the outputs of all. */
function outputsOf(
  results: readonly Tensor[],
  requests: readonly BackendRequest[],
  i: number,
  config: ModelConfig,
): readonly Tensor[] {
  const { requestedOutputs, batch } = requests[i]!;
  const sources = scattered(config);
  const rows = requests.reduce((sum, request) => sum + request.batch, 0);
  const from = requests.slice(0, i).reduce((sum, request) => sum + request.batch, 0);
  const own = results.filter(tensor => requestedOutputs.has(tensor.name));
  return own.map(tensor => {
    const source = sources.get(tensor.name);
    if (source === undefined) return sliceRows(tensor, from, from + batch, rows);
    const { dims } = config.output.find(({ name }) => name === tensor.name)!;
    return scatter(tensor, requests, i, source, dims);
  });
}

/** Output → the input by whose shape it is cut. */
const scattered = ({ batch_output }: ModelConfig): ReadonlyMap<string, string> =>
  new Map(
    batch_output.flatMap(({ target_name, source_input }) =>
      target_name.map(target => [target, source_input[0]!] as const),
    ),
  );

/** Cached by the set, which is the model's own if all its outputs are requested. */
const knownNames = new WeakMap<ReadonlySet<string>, readonly string[]>();

function namesOf(wanted: ReadonlySet<string>): readonly string[] {
  const known = knownNames.get(wanted);
  if (known) return known;
  const names = [...wanted];
  knownNames.set(wanted, names);
  return names;
}

/** Executes one request synchronously, if the session is known to be quick. */
function computeSync(
  session: OnnxSession,
  inputs: readonly TypedTensor[],
  wanted: readonly string[],
  clock: ExecutionClock,
): readonly TypedTensor[] | undefined {
  const feeds: Record<string, Feed> = {};
  for (const { name, dtype, values, shape } of inputs) feeds[name] = new Feed(dtype, values, shape);
  clock.inputsReady();
  try {
    const results = session.runSync!(feeds, wanted);
    if (!results) return undefined;
    clock.computed();
    return wanted.map(name => {
      const { data, dims, type } = results[name]!;
      return { name, dtype: namedType(name, type).name, shape: dims, values: data as Values };
    });
  } catch (error) {
    throw error instanceof RuntimeFault ? error : ortFault(error);
  }
}

/** ONNX Runtime's error number is not handed on by its binding, so it is read off the message. */
function ortFault(error: unknown): RuntimeFault {
  const { message } = error as Error;
  return internal(`onnx runtime error ${ortErrorNumber(message)}: ${message}`, { cause: error });
}
