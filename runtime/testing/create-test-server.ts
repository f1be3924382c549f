/**
 * A server for tests, in this process and on free ports of the loopback address: a repository, a plan, a cassette or models written in the test →
 * a server that answers as the real one, and whose models and stages the test can replace. `await using` ends it.
 */

import { RuntimeFault } from "../base/errors.js";
import type { Client } from "../client/client-interface.js";
import type { ModelTypes } from "../client/model-types.js";
import type { StageFunction } from "../engine/schedule/stage-function.js";
import type { MockFunction } from "../server/backends/mock/answer.js";
import type { TensorValue } from "../server/backends/mock/tensor-values.js";
import { faultLayer } from "../server/faults/fault-layer.js";
import { createFaultSet } from "../server/faults/fault-set.js";
import { requireModels } from "../server/faults/missing-model.js";
import { serve } from "../server/lifecycle/server.js";
import type { ModelMiddleware } from "../server/models/model-middleware.js";
import type { Registry } from "../server/models/registry-types.js";
import type { ReplayOptions } from "../server/recordings/replay.js";
import { type AskOptions, askModel } from "./ask-models.js";
import { createModelLayer } from "./replace-models.js";
import { createStageLayer } from "./replace-stages.js";
import type { Definitions, RepositorySource, TestServer, TestServerOptions, TestSource } from "./test-server.js";
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
  const inCode = Object.entries(isModels(source) ? source.models : {}).flatMap(([name, { answer }]) =>
    answer ? [[name, answer as MockFunction] as const] : [],
  );
  const first = { ...Object.fromEntries(inCode), ...options.models };
  const models = createModelLayer(first);
  const stages = createStageLayer(options.stages ?? {});
  const faults = createFaultSet(options.seed ?? 0n, options.clock);
  for (const fault of options.faults ?? []) faults.add(fault);
  const log: string[] = [];
  let registry!: Registry;
  const seen: ModelMiddleware = {
    registry: inner => {
      registry = inner;
      return inner;
    },
    ...(options.models && { assume: "mock" }),
  };
  const loopback = { port: 0, address: "127.0.0.1" };
  try {
    const server = await serve({
      modelRepositories: written
        ? [written.folder]
        : isCassette(source)
          ? []
          : [source as string | readonly string[]].flat(),
      ...(isCassette(source) && { replay: source }),
      http: loopback,
      grpc: loopback,
      metrics: false,
      mockMissing: options.mockMissing ?? false,
      seed: options.seed ?? 0n,
      writeLog: text => log.push(text),
      exitTimeoutSeconds: 5,
      // The process is the test runner's: its collections are its own.
      returnMemory: false,
      ...(options.clock && { clock: options.clock }),
      ...options.serve,
      middleware: [
        seen,
        faultLayer(faults),
        ...(options.serve?.middleware ?? []),
        models.middleware,
        stages.middleware,
      ],
    });
    await requireModels(
      faults.list().map(({ fault }) => fault),
      registry,
    ).catch(async error => {
      await server.stop();
      throw error;
    });
    let closed: Promise<void> | undefined;
    const clients: Client[] = [];
    const end = async (): Promise<void> => {
      faults.clear();
      await Promise.all(clients.map(client => client.close()));
      await server.stop();
      await written?.remove();
    };
    const close = (): Promise<void> => {
      closed ??= end();
      return closed;
    };
    const replaced = new Set<string>();
    const reset = (): void => {
      for (const name of replaced) models.set(name, first[name]);
      for (const name of stageNames) stages.set(name, options.stages?.[name]);
      replaced.clear();
      stageNames.clear();
      models.forget();
      faults.clear();
      for (const fault of options.faults ?? []) faults.add(fault);
    };
    const stageNames = new Set<string>();
    const ask = (model: string, inputs: Readonly<Record<string, TensorValue>>, asked?: AskOptions) =>
      askModel(registry, model, inputs, asked);
    return {
      http: `http://127.0.0.1:${server.ports.http}`,
      grpc: `127.0.0.1:${server.ports.grpc}`,
      metrics: server.ports.metrics === undefined ? undefined : `http://127.0.0.1:${server.ports.metrics}/metrics`,
      log,
      model(name) {
        requireModel(registry, name);
        return {
          replace(answer) {
            replaced.add(name);
            models.set(name, answer);
          },
          restore: () => models.set(name, first[name]),
          fail: effects => faults.add({ ...effects, model: name }),
          get requests() {
            return models.requests(name);
          },
        };
      },
      stage: name => ({
        replace(answer) {
          stages.set(name, answer as unknown as StageFunction);
          stageNames.add(name);
        },
        restore: () => stages.set(name, options.stages?.[name]),
        fail: effects => faults.add({ ...effects, ...stageTarget(stages.plans, name) }),
      }),
      async connect(protocol = "grpc") {
        const { connect } = await import("../client/index.js");
        const client = await connect(`${protocol}://127.0.0.1:${server.ports[protocol]}`);
        clients.push(client);
        return client as never;
      },
      async infer(model, inputs, asked) {
        for await (const { outputs } of ask(model, inputs, asked)) return outputs;
        throw new RuntimeFault("INTERNAL", "expected a single response, got 0");
      },
      faults,
      stream: ask,
      reset,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await written?.remove();
    throw withReasons(error as Error, log);
  }
}

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

/** What the log says about models that did not load; the fault itself names none. */
function withReasons(error: Error, log: readonly string[]): Error {
  const reasons = log.flatMap(line => /^E.*\] (".*")$/m.exec(line)?.[1] ?? []).map(text => JSON.parse(text) as string);
  return reasons.length === 0 ? error : new Error(`${error.message}:\n  ${reasons.join("\n  ")}`, { cause: error });
}
