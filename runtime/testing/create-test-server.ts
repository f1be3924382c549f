/**
 * A server for tests, in this process and on free ports of the loopback address: a repository, a plan or models written in the test → a server
 * that answers as the real one, and whose models and stages the test can replace. `await using` ends it.
 */
import type { MockFunction, MockRequest } from "../backends/mock/answer.js";
import type { MockTensor, TensorValue } from "../backends/mock/tensor-values.js";
import type { ReplayOptions } from "../cassettes/replay.js";
import type { Clock } from "../clock.js";
import { RuntimeFault } from "../errors.js";
import type { Fault } from "../faults/fault.js";
import { faultLayer } from "../faults/fault-layer.js";
import { createFaultSet, type FaultSet } from "../faults/fault-set.js";
import type { Around } from "../repository/around.js";
import type { Registry } from "../repository/registry.js";
import { serve } from "../server.js";
import type { ServeOptions } from "../server-options.js";
import { type Answered, type AskOptions, askModel } from "./ask-models.js";
import type { AnswerFunction, AnyModelDefinition, InputsOf, ModelDefinition } from "./define-model.js";
import { createModelLayer } from "./replace-models.js";
import { createStageLayer } from "./replace-stages.js";
import type { StageInput, StageOutput } from "./stage-columns.js";
import type { StageFunction } from "./stage-function.js";
import { type PlanSource, type TemporaryRepository, writeModels, writePlan } from "./write-models.js";

/** Models of a test by name. */
export type Definitions = Readonly<Record<string, AnyModelDefinition>>;
/** A repository's folder or several, a plan, a cassette, or models written in the test. */
export type TestSource<Models extends Definitions = Definitions> =
  | string
  | readonly string[]
  | PlanSource
  | ReplayOptions
  | { readonly models: Models };

export interface TestServerOptions {
  /** Functions in the place of models, which then need no files. */
  readonly models?: Readonly<Record<string, MockFunction>>;
  /** Functions in the place of stages, which are then not prepared. */
  readonly stages?: Readonly<Record<string, StageFunction>>;
  /** Mocks for every backend, model file and store that isn't here. @default false */
  readonly mockMissing?: boolean;
  /** Seed of the requests that name none. @default 0n */
  readonly seed?: bigint;
  readonly clock?: Clock;
  /** Faults that are there from the start. */
  readonly faults?: readonly (Fault | string)[];
  /** Anything else of `serve`. */
  readonly serve?: Partial<ServeOptions>;
}

type Known<Models, Name> = Name extends keyof Models
  ? Models[Name] extends ModelDefinition<infer Inputs, infer Outputs>
    ? AnswerFunction<Inputs, Outputs>
    : MockFunction
  : MockFunction;
type Requests<Models, Name> = Name extends keyof Models
  ? Models[Name] extends ModelDefinition<infer Inputs, never>
    ? readonly MockRequest<InputsOf<Inputs>>[]
    : readonly MockRequest[]
  : readonly MockRequest[];

/** A fault without the name of what it hits. */
export type Effects = Omit<Fault, "model" | "stage">;

export interface ReplacedModel<Answer, Asked> {
  /** From now on this function answers. */
  replace(answer: Answer): void;
  /** The model itself answers again. */
  restore(): void;
  /** From now on this goes wrong. @returns the fault's id */
  fail(fault: Effects): number;
  /** What the model was asked, the oldest first: the last thousand requests. */
  readonly requests: Asked;
}

export interface ReplacedStage<Input, Output> {
  replace(answer: StageFunction<Input, Output>): void;
  restore(): void;
  /** From now on the stage is late or fails. @returns the fault's id */
  fail(fault: Pick<Effects, "rate" | "times" | "forMs" | "delayMs" | "error">): number;
}

export interface TestServer<Models extends Definitions = Definitions> extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  /** `127.0.0.1:PORT` */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT/metrics`; only where `serve.metrics` opens it. */
  readonly metrics: string | undefined;
  /** Lines of the server's log so far. */
  readonly log: readonly string[];
  /** A model by its name. @throws RangeError for one that is not loaded */
  model<Name extends keyof Models & string>(name: Name): ReplacedModel<Known<Models, Name>, Requests<Models, Name>>;
  /**
   * A stage by the variable it is written under, or by a step's label (`ranking.predictOnnx`); `MODEL/STAGE` where several plans have it. A
   * variable of several steps reads what its first step reads.
   * @throws RangeError for a name that no plan has
   */
  stage<Input = StageInput, Output = StageOutput>(name: string): ReplacedStage<Input, Output>;
  /** What goes wrong on purpose: `add`, `remove`, `clear`, `list`. */
  readonly faults: Pick<FaultSet, "add" | "remove" | "clear" | "list">;
  /** Asks a model in process. @throws RuntimeFault with Triton's code and text */
  infer(
    model: keyof Models & string,
    inputs: Readonly<Record<string, TensorValue>>,
    options?: AskOptions,
  ): Promise<Readonly<Record<string, MockTensor>>>;
  /** The answers of a decoupled model as they come. */
  stream(
    model: keyof Models & string,
    inputs: Readonly<Record<string, TensorValue>>,
    options?: AskOptions,
  ): AsyncIterable<Answered>;
  /** Everything that was replaced is itself again, and nobody was asked anything: for `afterEach`. */
  reset(): void;
  close(): Promise<void>;
}

/**
 * @throws Error naming each model that does not load, and why; nothing is left running then
 * @example
 * await using server = await createTestServer("model-repo", { mockMissing: true });
 * server.stage("ranking").replace(({ item_id }) => ({ "purchase/binary_output": Array.from(item_id, id => (id === 7n ? 1 : 0)) }));
 * const answer = await callMyService({ triton: server.grpc });
 */
export async function createTestServer<const Models extends Definitions>(
  source: TestSource<Models>,
  options: TestServerOptions = {},
): Promise<TestServer<Models>> {
  const written = await writeSource(source);
  const inCode = Object.entries(isModels(source) ? source.models : {}).flatMap(([name, { answer }]) =>
    answer ? [[name, answer] as const] : [],
  );
  const first = { ...Object.fromEntries(inCode), ...options.models };
  const models = createModelLayer(first);
  const stages = createStageLayer(options.stages ?? {});
  const faults = createFaultSet(options.seed ?? 0n, options.clock);
  for (const fault of options.faults ?? []) faults.add(fault);
  const log: string[] = [];
  let registry!: Registry;
  const seen: Around = {
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
      ...(options.clock && { clock: options.clock }),
      ...options.serve,
      around: [seen, faultLayer(faults), ...(options.serve?.around ?? []), models.around, stages.around],
    });
    let closed: Promise<void> | undefined;
    const end = async (): Promise<void> => {
      faults.clear();
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
            models.set(name, answer as MockFunction);
          },
          restore: () => models.set(name, first[name]),
          fail: effects => faults.add({ ...effects, model: name }),
          get requests() {
            return models.requests(name) as never;
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

const isModels = <Models extends Definitions>(source: TestSource<Models>): source is { readonly models: Models } =>
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
