/**
 * The content of a mock's output by its rule: zeros, numbers that the seed and the request determine, a constant, or an input.
 */
import { MAX_MADE_BYTES } from "../../../../triton-protos/config-limits.js";
import { configDatatype } from "../../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { invalid } from "../../../base/errors.js";
import { createRandom } from "../../../base/random.js";
import { elementCount, type Tensor } from "../../../base/tensor.js";
import type { BackendRequest } from "../../contract.js";
import type { MockSettings, Rule } from "./settings.js";
import { backendDims, type NestedValue, readTensor, writeTensor } from "./tensor-values.js";

type Output = ModelConfig["output"][number];

/** Integers that a mock draws where nothing else is said. */
const INTEGERS = { min: 0, max: 99 };
const FLOATS = { min: 0, max: 1 };

export interface Filling {
  readonly config: ModelConfig;
  readonly settings: MockSettings;
  /** Which answer of a stream it is, from 0. */
  readonly answer: number;
  /** Sizes that the ensembles around the model require of an output, or -1. */
  readonly consumed?: (output: string) => readonly number[] | undefined;
}

/** The batch dimension that an answer has, or none. */
export const leadOf = ({ max_batch_size }: ModelConfig, { batch }: BackendRequest): readonly number[] =>
  max_batch_size > 0 ? [batch] : [];

/** @throws RuntimeFault naming the output */
export function fill(output: Output, request: BackendRequest, { config, settings, answer, consumed }: Filling): Tensor {
  const rule = settings.outputs?.[output.name] ?? settings.outputs?.["*"] ?? "zeros";
  const lead = leadOf(config, request);
  const sizes = openSizes(output, request, config, settings, consumed);
  const shape = [...lead, ...sizes];
  const bytes = elementCount(shape) * (configDatatype(output.data_type)?.bytes || 4);
  if (bytes > MAX_MADE_BYTES)
    throw invalid(
      `output '${output.name}' of a mock has ${bytes} bytes with the shape [${shape}]; the maximum is ${MAX_MADE_BYTES}`,
    );
  if (typeof rule === "object" && "constant" in rule) {
    const { constant } = rule;
    // A constant list is one row's, and all rows are alike.
    const rows =
      Array.isArray(constant) && lead[0] !== undefined ? Array.from({ length: lead[0] }, () => constant) : constant;
    return writeTensor(output, rows as NestedValue, lead, sizes);
  }
  if (rule === "echo" || (typeof rule === "object" && "echo" in rule)) return echo(output, rule, request, config);
  if (rule === "zeros") return writeTensor(output, isText(output) ? "" : 0, lead, sizes);
  return { ...drawn(output, shape, rule, request, { config, settings, answer }), shape };
}

const isText = ({ data_type }: Output): boolean => configDatatype(data_type)?.kind === "string";

/** Dimensions of any size are what a consumer takes, or as long as those of the request, first to first; 1 where it has none. */
function openSizes(
  output: Output,
  { inputs }: BackendRequest,
  config: ModelConfig,
  { shapes }: MockSettings,
  consumed: Filling["consumed"],
): readonly number[] {
  const dims = backendDims(output);
  const given = shapes?.[output.name];
  if (given) {
    if (given.length === dims.length && given.every((dim, i) => dims[i] === -1 || dims[i] === dim)) return given;
    throw invalid(
      `\`shapes\` gives output '${output.name}' the shape [${given}], and its configuration says [${dims}]`,
    );
  }
  const skip = config.max_batch_size > 0 ? 1 : 0;
  const source = config.input.find(
    input => inputs.has(input.name) && (input.reshape?.shape ?? input.dims).includes(-1),
  );
  const shape = source && inputs.get(source.name)!.shape.slice(skip);
  const open = shape?.filter((_, i) => (source!.reshape?.shape ?? source!.dims)[i] === -1) ?? [];
  // A reshaped output has other dimensions on the wire than the mock makes.
  const taken = dims.includes(-1) && !output.reshape ? consumed?.(output.name) : undefined;
  let next = 0;
  return dims.map((dim, i) => {
    if (dim !== -1) return dim;
    const asked = open[next++] ?? 1;
    const fixed = taken?.length === dims.length ? taken[i]! : -1;
    return fixed === -1 ? asked : fixed;
  });
}

function echo(output: Output, rule: Rule, { inputs }: BackendRequest, config: ModelConfig): Tensor {
  const named = typeof rule === "object" && "echo" in rule ? rule.echo : undefined;
  const name =
    named ?? config.input.find(input => inputs.has(input.name) && input.data_type === output.data_type)?.name;
  const input = name === undefined ? undefined : inputs.get(name);
  const { wire } = configDatatype(output.data_type)!;
  if (!input)
    throw invalid(
      `output '${output.name}' echoes ${named ? `input '${named}', which the request does not have` : `an input of type ${wire}, and the request has none`}`,
    );
  if (input.datatype === wire) return { ...input, name: output.name };
  const { shape, data } = readTensor(input);
  return writeTensor(output, { shape, data }, shape.slice(0, config.max_batch_size > 0 ? 1 : 0), []);
}

/** Equal requests get equal numbers, independent of earlier ones. */
function drawn(
  output: Output,
  shape: readonly number[],
  rule: Rule,
  { inputs }: BackendRequest,
  { config, settings, answer }: Filling,
): Tensor {
  const bytes = [...inputs.values()].flatMap(({ name, data }) => [name, data]);
  const random = createRandom(settings.seed ?? 0, config.name, output.name, answer, ...bytes);
  const { kind } = configDatatype(output.data_type)!;
  const whole = kind === "int" || kind === "uint";
  const { min, max } = typeof rule === "object" && "random" in rule ? rule.random : whole ? INTEGERS : FLOATS;
  const draw = (): number | string => {
    const one = random.next();
    if (kind === "string")
      return Math.floor(one * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    if (kind === "bool") return one < 0.5 ? 0 : 1;
    return whole ? min + Math.floor(one * (max - min + 1)) : min + one * (max - min);
  };
  const data = Array.from({ length: elementCount(shape) }, draw);
  return writeTensor(output, { shape, data }, shape.slice(0, shape.length - backendDims(output).length), []);
}
