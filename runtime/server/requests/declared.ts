/**
 * The declared tensors of a model, looked up once per model and not once per request.
 */
import { configDatatype, type DType } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput, ModelOutput } from "../../../triton-protos/model-config.js";

/** An input in the shape that the model takes. */
export interface PlainInput {
  /** Among the model's inputs, from 0. */
  readonly place: number;
  readonly dtype: DType;
  readonly wire: string;
  /** The size of an element; 0 for strings. */
  readonly bytes: number;
  /** Without the batch dimension; -1 varies. */
  readonly dims: readonly number[];
}

export interface Declared {
  readonly plain: ReadonlyMap<string, PlainInput>;
  readonly inputs: ReadonlyMap<string, ModelInput>;
  readonly outputs: ReadonlyMap<string, ModelOutput>;
  /** Whether some output has another shape on the wire than the model gives it. */
  readonly reshapesOutputs: boolean;
  /** Names of all outputs, sorted: the requested ones of a request that names none. */
  readonly allOutputs: ReadonlySet<string>;
  /** How many inputs a request must have. */
  readonly required: number;
}

const known = new WeakMap<ModelConfig, Declared>();

export function declaredOf(config: ModelConfig): Declared {
  const found = known.get(config);
  if (found) return found;
  const { input, output } = config;
  const declared: Declared = {
    plain: new Map(
      input.flatMap(({ name, data_type, dims, reshape }, place) => {
        const row = configDatatype(data_type);
        if (!row || reshape) return [];
        return [[name, { place, dtype: row.name, wire: row.wire, bytes: row.bytes, dims }] as const];
      }),
    ),
    inputs: new Map(input.toReversed().map(one => [one.name, one])),
    outputs: new Map(output.toReversed().map(one => [one.name, one])),
    reshapesOutputs: output.some(({ reshape }) => reshape),
    allOutputs: new Set(output.map(({ name }) => name).toSorted()),
    required: input.filter(({ optional }) => !optional).length,
  };
  known.set(config, declared);
  return declared;
}
