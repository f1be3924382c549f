/**
 * A server for tests, in this process and on free ports of the loopback address. It serves a repository, a plan, a cassette or models
 * written in the test. It responds as the real server does, and lets the test replace models and stages. `await using` ends it.
 */

import { internal } from "../base/errors.js";
import type { Client } from "../client/client-interface.js";
import type { ModelTypes } from "../client/model-types.js";
import type { StageFunction } from "../engine/schedule/stage-function.js";
import type { MockFunction, MockRequest } from "../server/backends/mock/answer.js";
import type { TensorValue } from "../server/backends/mock/tensor-values.js";
import { faultLayer } from "../server/faults/fault-layer.js";
import { createFaultSet } from "../server/faults/fault-set.js";
import { requireModels } from "../server/faults/missing-model.js";
import { serve } from "../server/lifecycle/server.js";
import type { RunningServer, ServeOptions } from "../server/lifecycle/server-options.js";
import type { ModelMiddleware } from "../server/models/model-middleware.js";
import type { Registry } from "../server/models/registry-types.js";
import type { ReplayOptions } from "../server/recordings/replay.js";
import { type AskOptions, askModel } from "./ask-models.js";
import { createMistakes } from "./mistakes.js";
import { createModelLayer } from "./replace-models.js";
import { createStageLayer } from "./replace-stages.js";
import type {
  Definitions,
  ReplacedModel,
  ReplacedStage,
  RepositorySource,
  TestServer,
  TestServerOptions,
  TestSource,
} from "./test-server.js";
import { type TemporaryRepository, writeModels, writePlan } from "./write-models.js";

/**
 * @throws Error naming each model that does not load, and why; nothing is left running then
 * @example
 * await using server = await createTestServer("model-repo", { mockMissing: true });
 * server.stage("ranking").replace(({ item_id }) => ({ "purchase/binary_output": Array.from(item_id, id => (id === 7n ? 1 : 0)) }));
 * const answer = await callMyService({ triton: server.grpc });
 */
export function createTestServer<const Models extends Definitions>(
  source: { readonly models: Models },
  options?: TestServerOptions,
): Promise<TestServer<Models>>;
/** @typeParam Models what `merlon typegen` wrote of the repository */
export function createTestServer<Models extends ModelTypes = ModelTypes>(
  source: RepositorySource,
  options?: TestServerOptions,
): Promise<TestServer<Models>>;
export async function createTestServer(source: TestSource, options: TestServerOptions = {}): Promise<TestServer> {
  const written = await writeSource(source);
  const replaced = createReplacements(source, options);
  const log: string[] = [];
  let registry!: Registry;
  const seen: ModelMiddleware = {
    registry: inner => {
      registry = inner;
      return inner;
    },
    ...(options.models && { assume: "mock" }),
  };
  try {
    const server = await serve({
      ...repositoriesOf(source, written),
      http: LOOPBACK,
      grpc: LOOPBACK,
      metrics: false,
      mockMissing: options.mockMissing ?? false,
      seed: options.seed ?? 0n,
      writeLog: text => log.push(text),
      hints: true,
      exitTimeoutSeconds: 5,
      // The process is the test runner's: its collections are its own.
      returnMemory: false,
      keepHeaders: true,
      ...(options.clock && { clock: options.clock }),
      ...options.serve,
      middleware: [seen, faultLayer(replaced.faults), ...(options.serve?.middleware ?? []), ...replaced.layers],
    });
    await requireDoubled(options, replaced, registry).catch(async error => {
      await server.stop();
      throw error;
    });
    const { ports } = server;
    const clients = openClients(ports);
    const close = once(async () => {
      replaced.faults.clear();
      await clients.close();
      await server.stop();
      await written?.remove();
      replaced.checkDoubles();
    });
    const ask = (model: string, inputs: Readonly<Record<string, TensorValue>>, asked?: AskOptions) =>
      askModel(registry, model, inputs, asked);
    return {
      http: `http://127.0.0.1:${ports.http}`,
      grpc: `127.0.0.1:${ports.grpc}`,
      metrics: ports.metrics === undefined ? undefined : `http://127.0.0.1:${ports.metrics}/metrics`,
      get mocked() {
        return server.mocked;
      },
      log,
      model(name) {
        requireModel(registry, name);
        return replaced.model(name);
      },
      stage: replaced.stage,
      connect: async (protocol = "grpc") => (await clients.connect(protocol)) as never,
      async infer(model, inputs, asked) {
        for await (const { outputs } of ask(model, inputs, asked)) return outputs;
        throw internal("expected a single response, got 0");
      },
      faults: replaced.faults,
      stream: ask,
      reset: replaced.reset,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await written?.remove();
    throw withReasons(error as Error, log);
  }
}

/** @throws RuntimeFault or RangeError for a fault or a double of an unknown model or stage, with the known names */
async function requireDoubled(
  { models = {}, stages = {} }: TestServerOptions,
  { faults, requireStage }: ReturnType<typeof createReplacements>,
  registry: Registry,
): Promise<void> {
  await requireModels(
    faults.list().map(({ fault }) => fault),
    registry,
  );
  await requireModels(
    Object.keys(models).map(model => ({ model })),
    registry,
    "double",
  );
  // Models that are loaded by a request may have their stages later.
  if (registry.ready().length > 0) Object.keys(stages).forEach(requireStage);
}

const LOOPBACK = { port: 0, address: "127.0.0.1" };

/** The replacements of models and stages in a test, and its faults; `reset` restores the initial ones. */
function createReplacements(source: TestSource, options: TestServerOptions) {
  const inCode = Object.entries(isModels(source) ? source.models : {}).flatMap(([name, { answer }]) =>
    answer ? [[name, answer as MockFunction] as const] : [],
  );
  const first = { ...Object.fromEntries(inCode), ...options.models };
  const mistakes = createMistakes();
  const models = createModelLayer(first, mistakes);
  const stages = createStageLayer(options.stages ?? {}, mistakes);
  const faults = createFaultSet(options.seed ?? 0n, options.clock);
  const modelNames = new Set<string>();
  const stageNames = new Set<string>();
  const addFaults = (): void => {
    for (const fault of options.faults ?? []) faults.add(fault);
  };
  addFaults();
  const model = (name: string): ReplacedModel<MockFunction, readonly MockRequest[]> => ({
    replace(answer) {
      modelNames.add(name);
      models.set(name, answer);
    },
    restore: () => models.set(name, first[name]),
    fail: effects => faults.add({ ...effects, model: name }),
    get requests() {
      return models.requests(name);
    },
  });
  const stage = <Input, Output>(name: string): ReplacedStage<Input, Output> => ({
    replace(answer) {
      stages.set(name, answer as unknown as StageFunction);
      stageNames.add(name);
    },
    restore: () => stages.set(name, options.stages?.[name]),
    fail(effects) {
      stages.require(name);
      return faults.add({ ...effects, ...stageTarget(stages.plans, name) });
    },
  });
  return {
    faults,
    layers: [models.middleware, stages.middleware],
    requireStage: stages.require,
    model,
    stage,
    reset(): void {
      for (const name of modelNames) models.set(name, first[name]);
      for (const name of stageNames) stages.set(name, options.stages?.[name]);
      modelNames.clear();
      stageNames.clear();
      models.forget();
      faults.clear();
      addFaults();
      mistakes.check();
    },
    checkDoubles: mistakes.check,
  };
}

/** Clients that are closed with the server. */
function openClients(ports: RunningServer["ports"]) {
  const clients: Client[] = [];
  return {
    async connect(protocol: "grpc" | "http"): Promise<Client> {
      const { connect } = await import("../client/index.js");
      const client = await connect(`${protocol}://127.0.0.1:${ports[protocol]}`);
      clients.push(client);
      return client;
    },
    close: () => Promise.all(clients.map(client => client.close())),
  };
}

/** @returns the same promise for each call */
function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}

const repositoriesOf = (
  source: TestSource,
  written: TemporaryRepository | undefined,
): Pick<ServeOptions, "modelRepositories" | "replay"> => {
  if (written) return { modelRepositories: [written.folder] };
  if (isCassette(source)) return { modelRepositories: [], replay: source };
  return { modelRepositories: [source as string | readonly string[]].flat() };
};

const isCassette = (source: TestSource): source is ReplayOptions => typeof source === "object" && "cassette" in source;

const isModels = (source: TestSource): source is { readonly models: Definitions } =>
  typeof source === "object" && "models" in source;

const writeSource = (source: TestSource): Promise<TemporaryRepository> | undefined => {
  if (isModels(source)) return writeModels(source.models);
  return typeof source === "object" && "plan" in source ? writePlan(source) : undefined;
};

/** `MODEL/STAGE`, or a stage of whichever plan has it. */
function stageTarget(
  plans: ReadonlyMap<string, unknown>,
  name: string,
): { readonly model: string; readonly stage: string } {
  const model = [...plans.keys()].find(key => name.startsWith(`${key}/`));
  return model === undefined ? { model: "*", stage: name } : { model, stage: name.slice(model.length + 1) };
}

function requireModel(registry: Registry, name: string): void {
  const known = [...new Set(registry.ready().map(({ model }) => model))];
  if (!known.includes(name))
    throw new RangeError(`there is no model '${name}'; there are ${known.map(text => `'${text}'`).join(", ")}`);
}

/** Adds the log's lines about models that did not load, each once, and the advice that follows them; the fault itself names none. */
function withReasons(error: Error, log: readonly string[]): Error {
  const reasons = new Set<string>();
  let advice = false;
  for (const line of log) {
    const [, level, source, text] = /^([IWE])\S* \S+ \d+ (\w+)\.ts:0\] (".*")$/m.exec(line) ?? [];
    if (text === undefined) continue;
    const reason = JSON.parse(text) as string;
    advice = level === "E" || (advice && source === "model_lifecycle" && !/^(failed to load|loading:)/.test(reason));
    if (advice) reasons.add(reason);
  }
  return reasons.size === 0 ? error : new Error(`${error.message}:\n  ${[...reasons].join("\n  ")}`, { cause: error });
}
