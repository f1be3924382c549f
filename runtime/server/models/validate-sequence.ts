/**
 * The rules of a sequence batcher and of its implicit state: configuration → nothing, or a fault with Triton's text.
 */
import { join } from "node:path";
import { FILE_LIMITS, readRegular, SpecialFileError } from "../../../contract/files/read-regular.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, refuse } from "../../base/errors.js";
import { fileInside } from "./inside-folder.js";

type Sequence = NonNullable<ModelConfig["sequence_batching"]>;
type Control = Sequence["control_input"][number]["control"][number];

const BOOLEAN = ["CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_READY"];
const CORRID = "CONTROL_SEQUENCE_CORRID";
const CORRID_TYPES = ["TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING"];
const LISTS = ["int32_false_true", "fp32_false_true", "bool_false_true"] as const;

/** Rules checked when the model is found. */
export function validateSequenceBatching(config: ModelConfig): void {
  const { name, max_batch_size: max, sequence_batching: sequence } = config;
  if (!sequence) return;
  for (const kind of [...BOOLEAN, CORRID]) validateControl(sequence, kind, name);
  const { direct, oldest } = sequence;
  if (direct && (direct.minimum_slot_utilization < 0 || direct.minimum_slot_utilization > 1))
    refuse(`sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${name}`);
  for (const size of oldest?.preferred_batch_size ?? []) {
    if (size <= 0) refuse(`sequence batching preferred batch size must be positive for ${name}`);
    if (size > max) refuse(`sequence batching preferred batch size must be <= max batch size for ${name}`);
  }
}

function validateControl(sequence: Sequence, kind: string, model: string): void {
  const seen = new Set<string>();
  let found = false;
  for (const input of sequence.control_input) {
    if (!input.name) refuse(`sequence batching control tensor must have a name for ${model}`);
    if (seen.has(input.name))
      refuse(`sequence batching control tensor '${input.name}' is specified for multiple control kinds for ${model}`);
    if (input.control.length > 0) seen.add(input.name);
    for (const control of input.control) {
      if (control.kind !== kind) continue;
      if (found) refuse(`sequence batching specifies multiple ${kind} tensors for ${model}`);
      found = true;
      if (kind === CORRID) validateCorrelation(control, model);
      else validateFlag(control, kind, model);
    }
  }
}

function validateFlag(control: Control, kind: string, model: string): void {
  const given = LISTS.filter(list => control[list].length > 0);
  if (given.length === 0)
    refuse(
      `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`,
    );
  if (given.length > 1)
    refuse(
      `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ${kind} for ${model}`,
    );
  const [list] = given;
  if (control[list!].length !== 2)
    refuse(`sequence batching control '${list}' must have exactly 2 entries for ${kind} for ${model}`);
}

function validateCorrelation(control: Control, model: string): void {
  if (!CORRID_TYPES.includes(control.data_type))
    refuse(
      `unexpected data type for control ${CORRID} for ${model}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING`,
    );
  if (LISTS.some(list => control[list].length > 0))
    refuse(
      `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${CORRID} for ${model}`,
    );
}

/** Rules of implicit state, checked when a version is loaded. @param folder the model's */
export async function validateStates(config: ModelConfig, folder: string): Promise<void> {
  for (const state of config.sequence_batching?.state ?? []) {
    const [initial] = state.initial_state;
    if (!initial) continue;
    const input = state.input_name;
    if (!initial.name) refuse(`Field 'name' must be set when using initial_state for state input '${input}'.`);
    if (initial.data_type !== state.data_type)
      refuse(`The data type used for 'initial_state' field of state '${input}' does not match the state data type.`);
    const mismatch = (got: number, wanted: number): never =>
      refuse(
        `'initial_state' dim for input name '${input}' doesn't match 'state' dim description. ${got} != ${wanted}`,
      );
    if (initial.dims.length !== state.dims.length) mismatch(initial.dims.length, state.dims.length);
    initial.dims.forEach((dim, i) => {
      const wanted = state.dims[i]!;
      if (dim !== -1 && wanted !== -1 && dim !== wanted) mismatch(dim, wanted);
    });
    if (initial.dims.some(dim => dim === -1))
      refuse(`'initial_state' field for state input name '${input}' contains variable dimensions.`);
    if (initial.data_file === undefined && initial.zero_data === undefined)
      refuse(`initial_state setting expects state'${input}' to have state_data set`);
    if (initial.data_file === undefined) continue;
    const path = fileInside(join(folder, "initial_state"), initial.data_file, "data_file", folder);
    const bytes = await readRegular(path, FILE_LIMITS.data).catch(error => {
      if (error instanceof SpecialFileError) refuse(error.message);
      throw internal(`failed to open text file for read ${path}: No such file or directory`);
    });
    const element = configDatatype(state.data_type)?.bytes ?? 0;
    const expected = initial.dims.reduce((product, dim) => product * dim, element);
    if (element > 0 && bytes.length < expected)
      refuse(
        `initial_state setting expects ${expected} bytes, but the data provided from ${initial.data_file}only has ${bytes.length} bytes.`,
      );
  }
}
