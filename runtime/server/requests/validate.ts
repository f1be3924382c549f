/**
 * Checks a request against a model's configuration, in Triton's order and with Triton's texts: request → batch size and tensors by name.
 */
import { configDatatype, wireDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelInput } from "../../../triton-protos/model-config.js";
import { refuse } from "../../base/errors.js";
import { elementCount, type Tensor, type TypedTensor } from "../../base/tensor.js";
import type { InferRequest, RequestTensor } from "../contract.js";
import { checkStrings } from "./check-strings.js";
import { type Declared, declaredOf, type PlainInput } from "./declared.js";
import { requestPrefix } from "./request-prefix.js";

export interface ValidRequest {
  /** Rows of the request; 0 for a model without batching. */
  readonly batch: number;
  /** Inputs in the form for the backend, `reshape` applied. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlySet<string>;
}

const BATCH_NOTE =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";

const INT64_END = 2 ** 63;
const MAX_INT64 = 2n ** 63n - 1n;

/** Up to this number names are looked up faster in a list. */
const FEW = 16;

/** @throws RuntimeFault */
export function validateRequest(config: ModelConfig, request: InferRequest): ValidRequest {
  const { id, inputs: given } = request;
  const known = declaredOf(config);
  const outputs = wantedOutputs(config, known, request.outputs);
  const plain = plainBatch(config, known, given, elementsSent);
  // A tensor whose datatype is the declared one.
  if (plain !== undefined) return { batch: plain, inputs: byName(given as readonly Tensor[]), outputs };
  if (given.length < known.required || given.length > known.inputs.size) refuseCount(config, given, requestPrefix(id));
  // Triton visits inputs in the order of a hash map, which for small counts is newest first.
  const inputs = given.length > 1 ? given.toReversed() : given;
  for (const { name } of inputs)
    if (!known.inputs.has(name)) refuse(`unexpected inference input '${name}' for model '${config.name}'`);
  const batch = config.max_batch_size > 0 ? batchSize(config, inputs, id) : 0;
  const tensors = inputs.map(input => checkInput(config, known.inputs.get(input.name)!, input, batch, id));
  return { batch, inputs: byName(tensors.toReversed()), outputs };
}

function byName(tensors: readonly Tensor[]): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (let i = 0; i < tensors.length; i++) found.set(tensors[i]!.name, tensors[i]!);
  return found;
}

/**
 * The whole check of inputs that are plain and correct, as most are, in either form: no message is made, and no tensor made anew.
 * @param elementsIn how many elements a tensor holds; NaN if it is not of the declared datatype
 * @returns rows of the request, 0 for a model without batching; undefined if the inputs need a closer look
 */
function plainBatch<T extends { readonly name: string; readonly shape: readonly number[] }>(
  { max_batch_size: max }: ModelConfig,
  { plain, inputs, required }: Declared,
  given: readonly T[],
  elementsIn: (tensor: T, declared: PlainInput) => number,
): number | undefined {
  if (given.length < required || given.length > inputs.size) return undefined;
  const first = max > 0 ? 1 : 0;
  const batch = first === 1 ? (given[0]?.shape[0] ?? 0) : 0;
  if (first === 1 && (batch < 1 || batch > max || batch >>> 0 !== batch)) return undefined;
  let seen = 0;
  for (let i = 0; i < given.length; i++) {
    const tensor = given[i]!;
    const declared = plain.get(tensor.name);
    if (!declared || elementsIn(tensor, declared) !== elementsOf(declared, tensor.shape, first, batch))
      return undefined;
    const bit = 1 << declared.place;
    if ((seen & bit) !== 0 && inputs.size <= BITS) return undefined;
    seen |= bit;
  }
  return inputs.size > BITS && repeatsName(given) ? undefined : batch;
}

/** Inputs that a number has a bit for. */
const BITS = 32;

const repeatsName = (given: readonly { readonly name: string }[]): boolean =>
  new Set(given.map(({ name }) => name)).size < given.length;

/** The bytes of strings do not follow from their shape. */
const elementsSent = ({ datatype, data }: RequestTensor, { wire, bytes }: PlainInput): number =>
  wire === datatype && bytes > 0 ? data.byteLength / bytes : Number.NaN;

const elementsHeld = ({ dtype, values }: TypedTensor, declared: PlainInput): number =>
  declared.dtype === dtype ? values.length : Number.NaN;

/** @param first how many dimensions a shape has before the declared ones @returns NaN where it is not as declared */
function elementsOf({ dims }: PlainInput, shape: readonly number[], first: number, batch: number): number {
  if (shape.length !== dims.length + first) return Number.NaN;
  let count = 1;
  for (let d = 0; d < shape.length; d++) {
    const dim = shape[d]!;
    const declared = d < first ? batch : dims[d - first]!;
    if (!(dim >= 0) || (declared !== -1 && declared !== dim)) return Number.NaN;
    count *= dim;
  }
  return count;
}

/**
 * `validateRequest` for values of a caller in this process.
 * @param wanted names of outputs, at least one
 * @returns rows of the request, 1 for a model without batching; undefined if it needs a closer look, which refuses it or not
 */
export function validateSync(
  config: ModelConfig,
  given: readonly TypedTensor[],
  wanted: readonly string[],
): number | undefined {
  const known = declaredOf(config);
  if (wanted.length === 0 || known.reshapesOutputs) return undefined;
  for (const name of wanted) if (!known.outputs.has(name)) return undefined;
  const batch = plainBatch(config, known, given, elementsHeld);
  return batch === 0 ? 1 : batch;
}

function wantedOutputs(config: ModelConfig, known: Declared, names: readonly string[]): ReadonlySet<string> {
  const { allOutputs: all } = known;
  if (names.length === 0) return all;
  // All of them by name, as the steps of an ensemble request them.
  if (
    names.length === all.size &&
    all.size <= FEW &&
    names.every((name, i) => all.has(name) && names.indexOf(name) === i)
  )
    return all;
  // Triton names the first in the order of names. Sorting a great many takes too long.
  let unexpected: string | undefined;
  for (const name of names) if (!all.has(name) && (unexpected === undefined || name < unexpected)) unexpected = name;
  if (unexpected !== undefined) refuse(`unexpected inference output '${unexpected}' for model '${config.name}'`);
  return new Set(names.toSorted());
}

function refuseCount({ name, input: declared }: ModelConfig, inputs: readonly RequestTensor[], prefix: string): never {
  const required = declared.filter(({ optional }) => !optional);
  const given = inputs.length;
  const sent = new Set(inputs.map(input => input.name));
  const quote = (names: readonly string[]): string => names.map(text => `'${text}'`).join(",");
  const missing = required.filter(input => !sent.has(input.name)).map(input => input.name);
  const expected =
    required.length === declared.length
      ? `expected ${declared.length} inputs`
      : `expected number of inputs between ${required.length} and ${declared.length}`;
  return refuse(
    `${prefix}${expected} but got ${given} inputs for model '${name}'. Got input(s) [${quote(inputs.toReversed().map(input => input.name))}], ` +
      `but missing required input(s) ${missing.length > 0 ? "[" : ""}${quote(missing)}]. Please provide all required input(s).`,
  );
}

function batchSize(config: ModelConfig, inputs: readonly RequestTensor[], id: string): number {
  let batch: number | undefined;
  for (const { name, shape } of inputs) {
    const [first] = shape;
    if (first === undefined)
      return refuse(
        `${requestPrefix(id)}input '${name}' has no shape but model requires batch dimension for '${config.name}'`,
      );
    // Triton keeps the batch size unsigned: a negative one equals no other input's. 0 is as good as none yet.
    if (!batch) batch = first >>> 0;
    else if (batch !== first)
      refuse(`${requestPrefix(id)}input '${name}' batch size does not match other inputs for '${config.name}'`);
  }
  if (batch !== undefined && batch > config.max_batch_size)
    refuse(`${requestPrefix(id)}inference request batch-size must be <= ${config.max_batch_size} for '${config.name}'`);
  return batch ?? 0;
}

function checkInput(
  config: ModelConfig,
  declared: ModelInput,
  input: RequestTensor,
  batch: number,
  id: string,
): Tensor {
  const { name } = input;
  const datatype = configDatatype(declared.data_type)!;
  const row = wireDatatype(input.datatype);
  if (row !== datatype)
    refuse(
      `${requestPrefix(id)}inference input '${name}' data-type is '${row?.wire ?? "<invalid>"}', but model '${config.name}' expects '${datatype.wire}'`,
    );
  const batching = config.max_batch_size > 0;
  const shape = batching ? input.shape.slice(1) : input.shape;
  if (shape.includes(-1))
    refuse(
      `${requestPrefix(id)}All input dimensions should be specified for input '${name}' for model '${config.name}', got [${input.shape.join(",")}]`,
    );
  const fits =
    shape.length === declared.dims.length &&
    shape.every((dim, i) => declared.dims[i] === -1 || declared.dims[i] === dim);
  if (!fits) {
    const expected = batching ? [-1, ...declared.dims] : declared.dims;
    refuse(
      `${requestPrefix(id)}unexpected shape for input '${name}' for model '${config.name}'. Expected [${expected.join(",")}], got [${input.shape.join(",")}]. ${batching ? BATCH_NOTE : ""}`,
    );
  }
  const inner = declared.reshape ? reshape(shape, declared.dims, declared.reshape.shape) : shape;
  const full = batch > 0 ? [batch, ...inner] : inner;
  refuseUncountable(name, full, datatype.bytes);
  const elements = elementCount(full);
  if (datatype.bytes === 0)
    checkStrings(
      input,
      elements,
      config.name,
      requestPrefix(id),
      batching && batch === 0 ? emptyBatch(input) : undefined,
    );
  else if (input.data.byteLength !== elements * datatype.bytes)
    refuse(
      `${requestPrefix(id)}input byte size mismatch for input '${name}' for model '${config.name}'. Expected ${elements * datatype.bytes}, got ${input.data.byteLength}`,
      batching && batch === 0 ? { detail: emptyBatch(input) } : {},
    );
  if (!declared.reshape) return { name, datatype: datatype.wire, shape: input.shape, data: input.data };
  return { name, datatype: datatype.wire, shape: batching ? [batch, ...inner] : inner, data: input.data };
}

/** Triton takes the elements of one row as those of a batch without rows. */
const emptyBatch = ({ name, shape }: RequestTensor): string =>
  `input '${name}' has no rows: its shape is [${shape.join(",")}]; a batch has one row at least`;

/** @param bytes of an element; 0 for strings @throws RuntimeFault for a negative dimension, and for more elements than an int64 can count */
function refuseUncountable(name: string, shape: readonly number[], bytes: number): void {
  if (shape.some(dim => dim < 0))
    refuse(`tensor '${name}' contains an invalid dimension ${bytes === 0 ? "in shape " : ""}[${shape.join(",")}]`);
  if (elementCount(shape) * Math.max(1, bytes) >= INT64_END)
    refuse(`${bytes === 0 ? "element count" : "byte size"} for tensor '${name}' exceeds maximum size of ${MAX_INT64}`);
}

/** The shape on the other side of a `reshape`: variable dimensions keep their order. */
export function reshape(shape: readonly number[], from: readonly number[], to: readonly number[]): readonly number[] {
  const variable = shape.filter((_, i) => from[i] === -1);
  let next = 0;
  return to.map(dim => (dim === -1 ? variable[next++]! : dim));
}
