/**
 * The server of a test as the test sees it.
 */

import type { Clock } from "../base/clock.js";
import type { Client } from "../client/client-interface.js";
import type { DataOf } from "../client/data-of.js";
import type { EnsembleLike, ModelsOf } from "../client/ensemble-types.js";
import type { ModelType, ModelTypes, TensorType } from "../client/model-types.js";
import type { StageInput, StageOutput } from "../engine/schedule/stage-columns.js";
import type { StageFunction } from "../engine/schedule/stage-function.js";
import type { MockFunction, MockRequest } from "../server/backends/mock/answer.js";
import type { Mocked } from "../server/backends/mock/mock-missing.js";
import type { MockTensor, TensorValue } from "../server/backends/mock/tensor-values.js";
import type { Fault } from "../server/faults/fault.js";
import type { FaultSet } from "../server/faults/fault-set.js";
import type { ServeOptions } from "../server/lifecycle/server-options.js";
import type { ReplayOptions } from "../server/recordings/replay.js";
import type { Answered, AskOptions } from "./ask-models.js";
import type { AnswerFunction, AnyModelDefinition, InputsOf, ModelDefinition } from "./define-model.js";
import type { PlanSource } from "./write-models.js";

/** Models of a test by name. */
export type Definitions = Readonly<Record<string, AnyModelDefinition>>;
/** Models that are there already: a repository's folder or several, a plan, a cassette. */
export type RepositorySource = string | readonly string[] | PlanSource | ReplayOptions;
/** Or models written in the test. */
export type TestSource<Models extends Definitions = Definitions> = RepositorySource | { readonly models: Models };
/** The known types of models: their definitions, or the types of a repository that `merlon typegen` wrote. */
export type KnownModels = Readonly<Record<string, AnyModelDefinition | ModelType>>;

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

/** A model's tensors as its definition or `merlon typegen` has them; nothing is known of a model without a name. */
type Known<Models, Name, Defined, Unknown> = string extends keyof Models
  ? Unknown
  : Name extends keyof Models
    ? Models[Name] extends ModelType
      ? Defined extends "answer"
        ? TypedAnswer<Models[Name]>
        : readonly MockRequest<TypedInputs<Models[Name]>>[]
      : Models[Name] extends ModelDefinition<infer Inputs, infer Outputs>
        ? Defined extends "answer"
          ? AnswerFunction<Inputs, Outputs>
          : readonly MockRequest<InputsOf<Inputs>>[]
        : Unknown
    : Unknown;

type TypedInputs<M extends ModelType> = {
  readonly [K in keyof M["inputs"]]:
    | TypedTensor<M["inputs"][K]>
    | (M["inputs"][K]["optional"] extends true ? undefined : never);
};
interface TypedTensor<T extends TensorType> {
  readonly datatype: T["datatype"];
  readonly shape: readonly number[];
  readonly data: DataOf[T["datatype"]];
}
type TypedAnswer<M extends ModelType> = (
  request: MockRequest<TypedInputs<M>>,
) => Answers<{ readonly [K in keyof M["outputs"]]?: TensorValue }>;
type Answers<A> = A | Promise<A> | Iterable<A> | AsyncIterable<A>;

/** A fault without its target. */
export type Effects = Omit<Fault, "model" | "stage">;

export interface ReplacedModel<Answer, Asked> {
  /** From now on this function answers. */
  replace(answer: Answer): void;
  /** The model itself answers again. */
  restore(): void;
  /** Adds a fault. @returns the fault's id */
  fail(fault: Effects): number;
  /** The last thousand requests of the model, the oldest first. */
  readonly requests: Asked;
}

export interface ReplacedStage<Input, Output> {
  replace(answer: StageFunction<Input, Output>): void;
  restore(): void;
  /** From now on the stage is late or fails. @returns the fault's id */
  fail(fault: Pick<Effects, "rate" | "times" | "forMs" | "delayMs" | "error">): number;
}

export interface TestServer<Models extends KnownModels = ModelTypes> extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  /** `127.0.0.1:PORT` */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT/metrics`; only where `serve.metrics` opens it. */
  readonly metrics: string | undefined;
  /** The models and stages that `mockMissing` stands in for now, and why. */
  readonly mocked: readonly Mocked[];
  /** Lines of the server's log so far. */
  readonly log: readonly string[];
  /** A model by its name. @throws RangeError for one that is not loaded */
  model<Name extends keyof Models & string>(
    name: Name,
  ): ReplacedModel<
    Known<Models, Name, "answer", MockFunction>,
    Known<Models, Name, "requests", readonly MockRequest[]>
  >;
  /**
   * A stage by the variable it is written under, or by a step's label (`ranking.predictOnnx`); `MODEL/STAGE` where several plans have it. A
   * variable of several steps reads what its first step reads.
   * @throws RangeError for a name that no plan has
   */
  stage<Input = StageInput, Output = StageOutput>(name: string): ReplacedStage<Input, Output>;
  /** Injected faults: `add`, `remove`, `clear`, `list`. */
  readonly faults: Pick<FaultSet, "add" | "remove" | "clear" | "list">;
  /** A client of `merlon/client` to this server; it ends with it. */
  connect<T extends ModelTypes | EnsembleLike = ModelTypes>(protocol?: "grpc" | "http"): Promise<Client<ModelsOf<T>>>;
  /** Runs a model in process. @throws RuntimeFault with Triton's code and text */
  infer(
    model: keyof Models & string,
    inputs: Readonly<Record<string, TensorValue>>,
    options?: AskOptions,
  ): Promise<Readonly<Record<string, MockTensor>>>;
  /** Yields the responses of a decoupled model as they arrive. */
  stream(
    model: keyof Models & string,
    inputs: Readonly<Record<string, TensorValue>>,
    options?: AskOptions,
  ): AsyncIterable<Answered>;
  /**
   * Removes all replacements and recorded requests: for `afterEach`.
   * @throws Error where a replacement answered what the model or stage cannot: a wrong name, dtype or shape
   */
  reset(): void;
  /** @throws Error as `reset` does, once the server has ended */
  close(): Promise<void>;
}
