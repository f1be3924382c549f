/**
 * A model written in a test: tensors by name as `"FP32[-1,4]"` and a function, with the types that follow from them.
 */
import { type WireType, wireDatatype } from "../../triton-protos/datatype.js";
import { type ModelConfigInit, printModelConfig } from "../../triton-protos/model-config.js";
import { invalid } from "../base/errors.js";
import type { DataOf } from "../client/data-of.js";
import type { MockRequest } from "../server/backends/mock/answer.js";
import type { MockSettings } from "../server/backends/mock/settings.js";
import type { TensorValue } from "../server/backends/mock/tensor-values.js";

/** A datatype of the protocol and the shape without the batch dimension; -1 for any size. `"INT64"` alone is `"INT64[1]"`. */
export type TensorSpec = WireType | `${WireType}[${string}]`;
export type TensorSpecs = Readonly<Record<string, TensorSpec>>;

type DatatypeOf<S> = S extends `${infer D extends WireType}[${string}]` ? D : S extends WireType ? S : never;

/** A request's tensors. */
export type InputsOf<Specs> = {
  readonly [K in keyof Specs]: {
    readonly datatype: DatatypeOf<Specs[K]>;
    readonly shape: readonly number[];
    readonly data: DataOf[DatatypeOf<Specs[K]>];
  };
};
/** An answer: outputs that are left out are filled by their rule (zeros). */
export type OutputsOf<Specs> = { readonly [K in keyof Specs]?: TensorValue };
export type AnswerFunction<Inputs, Outputs> = (
  request: MockRequest<InputsOf<Inputs>>,
) =>
  | OutputsOf<Outputs>
  | Promise<OutputsOf<Outputs>>
  | Iterable<OutputsOf<Outputs>>
  | AsyncIterable<OutputsOf<Outputs>>;

export interface ModelDefinition<Inputs = TensorSpecs, Outputs = TensorSpecs> {
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** 0, the default: tensors have no batch dimension. */
  readonly maxBatchSize?: number;
  /** Any number of answers to a request. */
  readonly decoupled?: boolean;
  /** Rules for outputs, delays, a table; see docs/guides/testing.md. */
  readonly mock?: MockSettings;
  /** Anything else of config.pbtxt: `dynamic_batching`, `sequence_batching`, … */
  readonly config?: ModelConfigInit;
  readonly answer?: AnswerFunction<Inputs, Outputs>;
}

/**
 * Gives a model's function the types of its tensors.
 * @example defineModel({ inputs: { x: "FP32[-1]" }, outputs: { y: "FP32[-1]" }, answer: ({ inputs }) => ({ y: inputs.x.data.map(v => 2 * v) }) })
 */
export const defineModel = <const Inputs extends TensorSpecs, const Outputs extends TensorSpecs>(
  definition: ModelDefinition<Inputs, Outputs>,
): ModelDefinition<Inputs, Outputs> => definition;

/** The config.pbtxt of a model. @throws RuntimeFault for a tensor that is not written `DATATYPE[dims]` */
export function configText(
  name: string,
  { inputs, outputs, maxBatchSize = 0, decoupled, config }: AnyModelDefinition,
): string {
  return printModelConfig({
    backend: "mock",
    ...config,
    name,
    max_batch_size: maxBatchSize,
    input: Object.entries(inputs).map(([tensor, spec]) => ({ name: tensor, ...readSpec(name, tensor, spec) })),
    output: Object.entries(outputs).map(([tensor, spec]) => ({ name: tensor, ...readSpec(name, tensor, spec) })),
    ...(decoupled && { model_transaction_policy: { decoupled } }),
  });
}

function readSpec(model: string, tensor: string, spec: string) {
  const [, wire = "", list = "1"] = /^(\w+)(?:\[([-\d, ]+)\])?$/.exec(spec) ?? [];
  const row = wireDatatype(wire);
  const dims = list.split(",").map(Number);
  if (row && dims.every(Number.isInteger)) return { data_type: row.config, dims };
  throw invalid(
    `tensor '${tensor}' of model '${model}' is "${spec}"; write a datatype of the protocol and its shape, like "FP32[-1,4]" or "INT64[1]"`,
  );
}

/** A model of any tensors. */
export type AnyModelDefinition = Omit<ModelDefinition, "answer"> & { readonly answer?: (request: never) => unknown };
