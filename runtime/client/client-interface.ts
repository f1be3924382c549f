/**
 * The client as its callers see it.
 */
import type { Parameter } from "../base/tensor.js";
import type { CallOptions, InferOptions } from "./call-options.js";
import type { Checked, ModelAt, ModelName } from "./check-inputs.js";
import type { ClientError } from "./client-error.js";
import type { Management } from "./management.js";
import type { InputsOf, ModelType, ModelTypes, OutputsOf } from "./model-types.js";
import type { RowIn, RowOut } from "./rows.js";

/** A response with all its parts. */
export interface Answer<O> {
  readonly outputs: O;
  readonly model: string;
  readonly version: string;
  /** The request's id, where it had one. */
  readonly id: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** One answer of a stream. `isFinal`: the last of its request. */
export interface StreamAnswer<O> extends Answer<O> {
  readonly isFinal: boolean;
  /** The fault of one request, in place of outputs; only with `errors: "yield"`. */
  readonly error?: ClientError;
}

export interface StreamOptions<O extends string = string> extends InferOptions<O> {
  /** Whether the fault of one request ends the stream, or is an answer with `error`. @default "throw" */
  readonly errors?: "throw" | "yield";
}

/** One request of a stream. */
export interface StreamRequest<I> {
  readonly inputs: I;
  readonly requestId?: string;
  readonly parameters?: NonNullable<InferOptions["parameters"]>;
  readonly sequence?: NonNullable<InferOptions["sequence"]>;
}

/** Requests of one sequence, sent one after the other. */
export interface Sequence<M extends ModelType> {
  readonly id: bigint | string;
  /** The first is marked as the start. */
  infer<const I>(inputs: Checked<M, I>, options?: InferOptions): Promise<OutputsOf<M>>;
  /** The last one: the server forgets the sequence. */
  end<const I>(inputs: Checked<M, I>, options?: InferOptions): Promise<OutputsOf<M>>;
}

type OutputName<M extends ModelType> = keyof M["outputs"] & string;

export interface Client<M extends ModelTypes = ModelTypes> extends Management, AsyncDisposable {
  readonly protocol: "grpc" | "http";
  readonly address: string;

  /**
   * Runs inference. Shapes are derived from the model's metadata, which is fetched once.
   * @returns the outputs by name
   * @throws ClientError
   * @example const { ordered_ids } = await client.infer("recommend", { user_id: [7n] });
   */
  infer<const K extends string, const I, const O extends OutputName<ModelAt<M, K>> = OutputName<ModelAt<M, K>>>(
    model: ModelName<M, K>,
    inputs: Checked<ModelAt<M, K>, I>,
    options?: InferOptions<O>,
  ): Promise<Pick<OutputsOf<ModelAt<M, K>>, O & keyof OutputsOf<ModelAt<M, K>>>>;

  /** As `infer`, with the id, the version and the parameters of the response. */
  answer<const K extends string, const I, const O extends OutputName<ModelAt<M, K>> = OutputName<ModelAt<M, K>>>(
    model: ModelName<M, K>,
    inputs: Checked<ModelAt<M, K>, I>,
    options?: InferOptions<O>,
  ): Promise<Answer<Pick<OutputsOf<ModelAt<M, K>>, O & keyof OutputsOf<ModelAt<M, K>>>>>;

  /**
   * Yields responses as they arrive: of one request to a decoupled model, or of each request of an iterable. Leaving the loop ends the
   * call. Over HTTP a stream uses `/generate_stream`, which takes single values and lists.
   */
  stream<const K extends string>(
    model: ModelName<M, K>,
    requests:
      | InputsOf<ModelAt<M, K>>
      | AsyncIterable<StreamRequest<InputsOf<ModelAt<M, K>>>>
      | Iterable<StreamRequest<InputsOf<ModelAt<M, K>>>>,
    options?: StreamOptions<OutputName<ModelAt<M, K>>>,
  ): AsyncIterableIterator<StreamAnswer<OutputsOf<ModelAt<M, K>>>>;

  /** Begins a sequence. @param options.id by default a random number */
  sequence<const K extends string>(
    model: ModelName<M, K>,
    options?: InferOptions & { readonly id?: bigint | number | string },
  ): Sequence<ModelAt<M, K>>;

  /**
   * Sends rows and returns rows: `{ user_id: 7 }`, one object per row. Pairs `c__values` and `c__offsets` are one list `c`.
   * @example const [row] = await client.rows("recommend", [{ user_id: 7 }]);
   */
  rows<const K extends string>(
    model: ModelName<M, K>,
    rows: readonly RowIn<ModelAt<M, K>>[],
    options?: InferOptions,
  ): Promise<RowOut<ModelAt<M, K>>[]>;

  /** Posts plain JSON to `/generate_stream`, for models that take it. Only over HTTP. */
  generate(
    model: ModelName<M, string>,
    body: Readonly<Record<string, unknown>>,
    options?: CallOptions & { readonly version?: string | number },
  ): AsyncIterableIterator<Readonly<Record<string, unknown>>>;

  /** Differences between the models that were expected and those that are there. Nothing without `models`. */
  drift(): Promise<readonly string[]>;

  /** Ends what is under way and lets go of the connections. */
  close(): Promise<void>;
}
