/**
 * The tensors that the server adds to a request of a sequence: control inputs and implicit state.
 */

import { dirname, join } from "node:path";
import { FILE_LIMITS, readRegular } from "../../../contract/files/read-regular.js";
import { MAX_MADE_BYTES } from "../../../triton-protos/config-limits.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type {
  ModelConfig,
  ModelSequenceBatching_Control,
  ModelSequenceBatching_State,
} from "../../../triton-protos/gen/messages.js";
import { invalid } from "../../base/errors.js";
import { elementCount, type Tensor } from "../../base/tensor.js";
import type { BackendRequest } from "../contract.js";
import { fileInside } from "../models/inside-folder.js";

/** State tensors of a sequence by the name of the input that takes them. */
export type SequenceState = ReadonlyMap<string, Tensor>;

export interface SequenceInputs {
  /** The state that a sequence starts with. */
  readonly initial: SequenceState;
  /** A request as the model sees it. */
  complete(request: BackendRequest, state: SequenceState): BackendRequest;
  /** A placeholder for an empty slot of a batch, with inputs and state in the shapes of another one's. */
  empty(like: BackendRequest, state: SequenceState): BackendRequest;
  /** True if requests with these states can share a batch: a state whose dimensions vary has those of the last answer. */
  mayJoin(state: SequenceState, other: SequenceState): boolean;
  /** The state after an answer; outputs that carry none keep the state as it was. */
  next(outputs: readonly Tensor[], state: SequenceState): SequenceState;
}

/** @param folder the version directory, beside `initial_state` */
export async function sequenceInputs(config: ModelConfig, folder: string): Promise<SequenceInputs> {
  const { control_input, state: states } = config.sequence_batching!;
  const batch = config.max_batch_size > 0 ? [1] : [];
  const controls = control_input.flatMap(({ name, control }) => control.map(one => ({ name, control: one })));
  const initial = new Map<string, Tensor>();
  // A state without a type has no tensor; the backend says whether it can do without.
  checkStates(config);
  for (const state of states)
    if (configDatatype(state.data_type)) initial.set(state.input_name, await initialState(state, batch, folder));
  const stateOutputs = states.map(state => state.output_name);

  const withControls = (request: BackendRequest, ready: boolean, state: SequenceState): BackendRequest => {
    const inputs = new Map(request.inputs);
    for (const { name, control } of controls) inputs.set(name, controlTensor(name, control, request, ready, batch));
    for (const [name, tensor] of state) inputs.set(name, tensor);
    const requestedOutputs =
      stateOutputs.length > 0
        ? new Set([...request.requestedOutputs, ...stateOutputs].sort())
        : request.requestedOutputs;
    return { ...request, inputs, requestedOutputs };
  };
  return {
    initial,
    complete: (request, state) => withControls(request, true, state),
    empty(like, state) {
      const inputs = new Map<string, Tensor>();
      for (const [name, tensor] of like.inputs) inputs.set(name, zeroed(tensor));
      const { signal: _, ...rest } = like;
      const controls = { ...like.controls, correlationId: 0n, start: false, end: false };
      const none = new Map([...state].map(([name, tensor]) => [name, zeroed(tensor)]));
      return withControls({ ...rest, id: "", controls, inputs }, false, none);
    },
    mayJoin(state, other) {
      for (const [name, { shape }] of state) {
        const beside = other.get(name)?.shape;
        if (shape.length !== beside?.length || shape.some((dim, i) => dim !== beside[i])) return false;
      }
      return true;
    },
    next(outputs, state) {
      if (states.length === 0) return state;
      const after = new Map(state);
      for (const { input_name, output_name } of states) {
        const tensor = outputs.find(({ name }) => name === output_name);
        if (tensor) after.set(input_name, { ...tensor, name: input_name });
      }
      return after;
    },
  };
}

function controlTensor(
  name: string,
  control: ModelSequenceBatching_Control,
  { controls }: BackendRequest,
  ready: boolean,
  batch: readonly number[],
): Tensor {
  const shape = [...batch, 1];
  if (control.kind === "CONTROL_SEQUENCE_CORRID")
    return correlationTensor(name, control, controls.correlationId, shape);
  const on =
    control.kind === "CONTROL_SEQUENCE_START"
      ? controls.start
      : control.kind === "CONTROL_SEQUENCE_END"
        ? controls.end
        : ready;
  const pick = <T>(list: readonly T[]): T => list[on ? 1 : 0]!;
  if (control.int32_false_true.length > 0)
    return { name, datatype: "INT32", shape, data: bytesOf(Int32Array.of(pick(control.int32_false_true))) };
  if (control.fp32_false_true.length > 0)
    return { name, datatype: "FP32", shape, data: bytesOf(Float32Array.of(pick(control.fp32_false_true))) };
  return { name, datatype: "BOOL", shape, data: Uint8Array.of(pick(control.bool_false_true) ? 1 : 0) };
}

function correlationTensor(
  name: string,
  { data_type }: ModelSequenceBatching_Control,
  id: bigint | string,
  shape: readonly number[],
): Tensor {
  if (data_type === "TYPE_STRING") {
    const text = Buffer.from(id === 0n ? "" : String(id));
    const data = Buffer.alloc(4 + text.length);
    data.writeUInt32LE(text.length);
    data.set(text, 4);
    return { name, datatype: "BYTES", shape, data };
  }
  const value = typeof id === "bigint" ? id : 0n;
  const { wire: datatype, bytes } = configDatatype(data_type)!;
  return { name, datatype, shape, data: bytesOf(BigUint64Array.of(value)).subarray(0, bytes) };
}

const stateDims = ({ dims, initial_state: [first] }: ModelSequenceBatching_State): readonly number[] =>
  (first?.dims ?? dims).map(dim => Math.max(1, dim));

/** @throws RuntimeFault if the states that the server makes are too large */
function checkStates({ name, sequence_batching }: ModelConfig): void {
  const bytes = sequence_batching!.state.reduce(
    (sum, state) => sum + elementCount(stateDims(state)) * (configDatatype(state.data_type)?.bytes || 4),
    0,
  );
  if (bytes > MAX_MADE_BYTES)
    throw invalid(
      `model '${name}': \`sequence_batching.state\` has ${bytes} bytes by its \`dims\`; the maximum is ${MAX_MADE_BYTES}`,
    );
}

async function initialState(
  state: ModelSequenceBatching_State,
  batch: readonly number[],
  folder: string,
): Promise<Tensor> {
  const [first] = state.initial_state;
  const { wire: datatype, bytes } = configDatatype(state.data_type)!;
  const shape = [...batch, ...stateDims(state)];
  const count = elementCount(shape);
  const data =
    first?.data_file === undefined
      ? new Uint8Array(count * (bytes || 4))
      : await readRegular(
          fileInside(join(dirname(folder), "initial_state"), first.data_file, "data_file", dirname(folder)),
          FILE_LIMITS.data,
        );
  return { name: state.input_name, datatype, shape, data };
}

/** Zeros of the same shape; strings are empty. */
function zeroed(tensor: Tensor): Tensor {
  const data = new Uint8Array(tensor.datatype === "BYTES" ? 4 * elementCount(tensor.shape) : tensor.data.byteLength);
  return { ...tensor, data };
}

const bytesOf = (values: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(values.buffer);
