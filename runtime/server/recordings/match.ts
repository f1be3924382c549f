/**
 * Which recorded exchange answers a request: an equal one, or the nearest; equal ones in the order in which they were recorded.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { Parameter } from "../../base/tensor.js";
import type { RequestTensor } from "../requests/request.js";
import { elements } from "../requests/tensor-json.js";
import type { Exchange } from "./cassette.js";

export interface Wanted {
  readonly inputs: ReadonlyMap<string, RequestTensor>;
  /** Those of the model; what steers the server is left out. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Names of the outputs that must be answered. */
  readonly outputs: ReadonlySet<string>;
}

/** Parameters that say nothing about the answer. */
const STEERING = /^(triton_|priority$|timeout$|sequence_id$|sequence_start$|sequence_end$|binary_data_output$)/;

export const ownParameters = (parameters: Iterable<readonly [string, Parameter]>): ReadonlyMap<string, Parameter> =>
  new Map([...parameters].filter(([key]) => !STEERING.test(key)));

export interface Matched {
  readonly exchange: Exchange | undefined;
  /** The nearest one, and in what it differs; for the message when none is equal. */
  readonly nearest?: { readonly exchange: Exchange; readonly difference: string };
}

/** @param exchanges of one model, that can be replayed */
export function createMatcher(exchanges: readonly Exchange[], mode: "strict" | "nearest"): (wanted: Wanted) => Matched {
  const used = new Set<Exchange>();
  const take = (candidates: readonly Exchange[]): Exchange => {
    const next = candidates.find(one => !used.has(one)) ?? candidates.at(-1)!;
    used.add(next);
    return next;
  };
  return wanted => {
    const compared = exchanges.map(exchange => ({ exchange, ...compare(exchange, wanted) }));
    const equal = compared.filter(({ distance }) => distance === 0).map(({ exchange }) => exchange);
    if (equal.length > 0) return { exchange: take(equal) };
    const [first] = compared.toSorted((a, b) => a.distance - b.distance);
    if (!first) return { exchange: undefined };
    const nearest = { exchange: first.exchange, difference: first.difference };
    if (mode === "strict" || first.distance === Number.POSITIVE_INFINITY) return { exchange: undefined, nearest };
    return {
      exchange: take(compared.filter(({ distance }) => distance === first.distance).map(({ exchange }) => exchange)),
      nearest,
    };
  };
}

/** 0 for equal; infinite where the answer can't be this one's: other inputs, datatypes or ranks, outputs that were not asked for. */
function compare(
  exchange: Exchange,
  { inputs, parameters, outputs }: Wanted,
): { readonly distance: number; readonly difference: string } {
  const never = (difference: string) => ({ distance: Number.POSITIVE_INFINITY, difference });
  const recorded = new Map(exchange.inputs.map(tensor => [tensor.name, tensor]));
  const missing =
    [...inputs.keys()].find(name => !recorded.has(name)) ?? [...recorded.keys()].find(name => !inputs.has(name));
  if (missing !== undefined) return never(`input '${missing}' is in one of them only`);
  if (exchange.answers.length > 0 && !exchange.error) {
    const answered = new Set(exchange.answers.flatMap(answer => answer.outputs.map(({ name }) => name)));
    const unasked = exchange.outputs.length > 0 ? [...outputs].find(name => !answered.has(name)) : undefined;
    if (unasked !== undefined) return never(`output '${unasked}' was not asked for`);
  }
  let distance = 0;
  let difference = "";
  const add = (amount: number, text: string): void => {
    distance += amount;
    difference ||= amount > 0 ? text : "";
  };
  for (const [name, tensor] of inputs) {
    const other = recorded.get(name)!;
    if (tensor.datatype !== other.datatype)
      return never(`input '${name}' is ${tensor.datatype} and was ${other.datatype}`);
    if (tensor.shape.length !== other.shape.length)
      return never(`input '${name}' has ${tensor.shape.length} dimensions and had ${other.shape.length}`);
    if (tensor.shape.join() !== other.shape.join())
      add(10, `input '${name}' has the shape [${tensor.shape}] and had [${other.shape}]`);
    else if (!Buffer.from(tensor.data).equals(other.data)) {
      const { amount, place } = apart(tensor, other);
      add(amount, `input '${name}' differs at element ${place}`);
    }
  }
  const own = ownParameters(exchange.parameters);
  for (const key of new Set([...own.keys(), ...parameters.keys()]))
    if (own.get(key) !== parameters.get(key))
      add(0.5, `parameter '${key}' is ${String(parameters.get(key))} and was ${String(own.get(key))}`);
  return { distance, difference };
}

/** How far two tensors of one shape are apart, from 0 to 1, and the first element that differs. */
function apart(a: RequestTensor, b: RequestTensor): { readonly amount: number; readonly place: string } {
  const [mine, theirs] = [elements(a.datatype, a.data), elements(b.datatype, b.data)];
  const exact = wireDatatype(a.datatype)?.kind !== "float";
  let sum = 0;
  let first = -1;
  mine.forEach((value, i) => {
    const other = theirs[i]!;
    if (Object.is(value, other)) return;
    if (first < 0) first = i;
    const [x, y] = [Number(value), Number(other)];
    const near = Math.abs(x - y) / (Math.abs(x) + Math.abs(y));
    // Ids that are near are still others.
    sum += exact || !Number.isFinite(near) ? 1 : near;
  });
  const place = `${first}: ${String(mine[first])} and was ${String(theirs[first])}`;
  return { amount: Math.max(sum / Math.max(1, mine.length), 1e-9), place };
}
