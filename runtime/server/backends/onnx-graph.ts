/**
 * Compares a configuration with the graph it serves: nothing, or a fault with Triton's text.
 */
import { configDatatype, type DType, datatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput, ModelOutput } from "../../../triton-protos/model-config.js";
import { internal, invalid } from "../../base/errors.js";

export interface GraphTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface Graph {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
}

export function checkGraph(config: ModelConfig, graph: Graph): void {
  checkControls(config, graph);
  const required = config.input.filter(({ optional }) => !optional).length;
  const expected = required + sideInputs(config).length;
  if (expected !== graph.inputs.length)
    throw invalid(
      `unable to load model '${config.name}', configuration expects ${expected} inputs, model provides ${graph.inputs.length}`,
    );
  for (const input of config.input) checkTensor("input", input, graph.inputs, config);
  for (const output of config.output) checkTensor("output", output, graph.outputs, config);
}

/** Inputs that the server makes: control tensors and state of sequences, and the side inputs of ragged batches. */
function sideInputs({ sequence_batching: sequence, batch_input }: ModelConfig): readonly string[] {
  return [
    ...(sequence?.control_input.map(control => control.name) ?? []),
    ...(sequence?.state.map(state => state.input_name) ?? []),
    ...batch_input.flatMap(extra => extra.target_name),
  ];
}

function checkTensor(
  side: "input" | "output",
  tensor: ModelInput | ModelOutput,
  known: readonly GraphTensor[],
  config: ModelConfig,
): void {
  const found = known.find(({ name }) => name === tensor.name);
  if (!found) {
    const names = known.map(({ name }) => name).sort();
    throw invalid(`unexpected inference ${side} '${tensor.name}', allowed ${side}s are: ${names.join(", ")}`);
  }
  if (configDatatype(tensor.data_type)?.name !== found.dtype)
    throw invalid(
      `unable to load model '${config.name}', configuration expects datatype ${tensor.data_type} for ${side} '${tensor.name}', model provides ${datatype(found.dtype).config.replace("TYPE_STRING", "TYPE_BYTES")}`,
    );
  if (side === "input" && (tensor as ModelInput).allow_ragged_batch) checkRagged(tensor, found.shape, config);
  // An output that is scattered by an input's shape has whatever shape the graph gives it.
  else if (side === "input" || !config.batch_output.some(({ target_name }) => target_name.includes(tensor.name)))
    checkShape(side, tensor, found.shape, config);
}

/** All elements of a ragged batch form one row, whatever dimensions the configuration gives a request. */
function checkRagged({ name }: ModelInput | ModelOutput, provided: readonly number[], config: ModelConfig): void {
  if (provided.length === 1 && provided[0] === -1) return;
  throw invalid(
    `unable to load model '${config.name}', configuration expects model provides input with shape [-1]  for ragged input '${name}', model provides ${print(provided)}`,
  );
}

const print = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** The server's sequence controls must be inputs of the graph, of the type in the configuration. */
function checkControls(config: ModelConfig, { inputs }: Graph): void {
  for (const { name, control } of config.sequence_batching?.control_input ?? [])
    for (const one of control) {
      const found = inputs.find(input => input.name === name);
      if (!found)
        throw internal(`configuration specified sequence control '${name}', but model does not provide that input`);
      const type =
        one.kind === "CONTROL_SEQUENCE_CORRID"
          ? one.data_type
          : one.int32_false_true.length > 0
            ? "TYPE_INT32"
            : one.fp32_false_true.length > 0
              ? "TYPE_FP32"
              : "TYPE_BOOL";
      if (configDatatype(type)?.name !== found.dtype)
        throw invalid(
          `unable to load model '${config.name}', sequence control '${name}', the model expects data-type ${datatype(found.dtype).wire} but the model configuration specifies data-type ${type}`,
        );
    }
}

/** An input may be fixed where the graph varies; an output must be as the graph says. */
function checkShape(
  side: "input" | "output",
  tensor: ModelInput | ModelOutput,
  provided: readonly number[],
  config: ModelConfig,
): void {
  const subject = `model '${config.name}', tensor '${tensor.name}'`;
  const explicit = tensor.reshape?.shape ?? tensor.dims;
  if (provided.length === 0) {
    if (explicit.every(dim => dim === 1)) return;
    throw invalid(
      `unable to load model '${config.name}', scalar tensor '${tensor.name}', should only provide 1 in the model configuration when the model doesn't support batching. Model configuration provided: ${print(explicit)}.`,
    );
  }
  const batching = config.max_batch_size > 0;
  if (batching && (provided.length === 0 || provided[0] !== -1))
    throw invalid(
      `${subject}: for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is ${print(provided)}`,
    );
  const whole = batching ? [-1, ...explicit] : explicit;
  const fits =
    whole.length === provided.length &&
    whole.every((dim, i) => dim === provided[i] || (side === "input" && provided[i] === -1));
  if (fits) return;
  throw invalid(
    batching
      ? `${subject}: the model expects ${provided.length} dimensions (shape ${print(provided)}) but the model configuration specifies ${whole.length} dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape ${print(whole)})`
      : `${subject}: the model expects ${provided.length} dimensions (shape ${print(provided)}) but the model configuration specifies ${whole.length} dimensions (shape ${print(whole)})`,
  );
}
