/**
 * Which recorded exchange answers a request: an equal one, or the nearest; equal ones in the order in which they were recorded.
 */
import { createHash } from "node:crypto";
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { Parameter } from "../../base/tensor.js";
import type { RequestTensor } from "../contract.js";
import { elements } from "../requests/tensor-json.js";
import type { Cassette, Entry } from "./cassette.js";
import type { Exchange } from "./exchange.js";

export interface Wanted {
  readonly inputs: ReadonlyMap<string, RequestTensor>;
  /** Those of the model; what steers the server is left out. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Names of the outputs that must be answered. */
  readonly outputs: ReadonlySet<string>;
  /** If given, the exchange is of a request that named this version and listed these outputs; empty for the latest, and for all. */
  readonly named?: { readonly version: string; readonly outputs: readonly string[] };
}

/** Parameters that say nothing about the answer. */
const STEERING = /^(triton_|priority$|timeout$|sequence_id$|sequence_start$|sequence_end$|binary_data_output$)/;

export const ownParameters = (parameters: Iterable<readonly [string, Parameter]>): ReadonlyMap<string, Parameter> =>
  new Map([...parameters].filter(([key]) => !STEERING.test(key)));

export interface Matched {
  readonly exchange: Exchange | undefined;
  /** The nearest one, and its differences; for the message when none is equal. */
  readonly nearest?: Nearest;
}

interface Nearest {
  readonly exchange: Exchange;
  readonly distance: number;
  readonly difference: string;
}

export type Matcher = (wanted: Wanted) => Promise<Matched>;

/** A message names the nearest of the first exchanges, up to this number of bytes: every request that has no equal reads them. */
const MOST_COMPARED = 2 ** 26;

/**
 * Reads the exchanges of one model once, and keeps a hash of each.
 * @param entries those that can be replayed
 */
export async function createMatcher(
  cassette: Pick<Cassette, "read">,
  entries: readonly Entry[],
  mode: "strict" | "nearest",
): Promise<Matcher> {
  const groups = new Map<string, Group>();
  for (const entry of entries) {
    const key = keyOfExchange(await cassette.read(entry));
    const group = groups.get(key);
    if (group) group.entries.push(entry);
    else groups.set(key, { entries: [entry], used: new Set(), from: 0 });
  }
  const compared = mode === "nearest" ? entries : firstOf(entries, MOST_COMPARED);
  return async wanted => {
    const group = groups.get(keyOf([...wanted.inputs.values()], wanted.parameters));
    const exchange = group && (await take(cassette, group, one => compare(one, wanted).distance === 0));
    if (exchange) return { exchange };
    const nearest = await findNearest(cassette, compared, wanted);
    if (mode === "strict" || !nearest || nearest.distance === Number.POSITIVE_INFINITY)
      return { exchange: undefined, ...(nearest && { nearest }) };
    const near = groups.get(keyOfExchange(nearest.exchange))!;
    return { exchange: await take(cassette, near, one => compare(one, wanted).distance === nearest.distance), nearest };
  };
}

/** Exchanges with equal inputs and parameters, in the order in which they were recorded. */
interface Group {
  readonly entries: Entry[];
  readonly used: Set<Entry>;
  /** Those before it are used. */
  from: number;
}

/** The first unused exchange that fits, else the last that does. */
async function take(
  cassette: Pick<Cassette, "read">,
  group: Group,
  fits: (exchange: Exchange) => boolean,
): Promise<Exchange | undefined> {
  const { entries, used } = group;
  while (group.from < entries.length && used.has(entries[group.from]!)) group.from++;
  for (let i = group.from; i < entries.length; i++) {
    const entry = entries[i]!;
    if (used.has(entry)) continue;
    // Other requests are matched while this one is read.
    used.add(entry);
    const exchange = await cassette.read(entry);
    if (fits(exchange)) return exchange;
    used.delete(entry);
  }
  for (let i = entries.length - 1; i >= 0; i--) {
    const exchange = await cassette.read(entries[i]!);
    if (fits(exchange)) return exchange;
  }
  return undefined;
}

function firstOf(entries: readonly Entry[], most: number): readonly Entry[] {
  let end = 0;
  for (let left = most; end < entries.length && (end === 0 || entries[end]!.bytes <= left); end++)
    left -= entries[end]!.bytes;
  return entries.slice(0, end);
}

async function findNearest(
  cassette: Pick<Cassette, "read">,
  entries: readonly Entry[],
  wanted: Wanted,
): Promise<Nearest | undefined> {
  let nearest: Nearest | undefined;
  for (const entry of entries) {
    const exchange = await cassette.read(entry);
    const found = compare(exchange, wanted);
    if (!nearest || found.distance < nearest.distance) nearest = { exchange, ...found };
  }
  return nearest;
}

const keyOfExchange = ({ inputs, parameters }: Exchange): string => keyOf(inputs, ownParameters(parameters));

/** Equal for inputs that are equal, in whatever order, and equal parameters. */
function keyOf(inputs: readonly RequestTensor[], parameters: ReadonlyMap<string, Parameter>): string {
  const hash = createHash("sha1");
  const byName = <T>(all: readonly T[], name: (one: T) => string): readonly T[] =>
    all.toSorted((a, b) => (name(a) < name(b) ? -1 : 1));
  for (const { name, datatype, shape, data } of byName(inputs, tensor => tensor.name))
    hash.update(JSON.stringify([name, datatype, shape, data.byteLength])).update(data);
  for (const [key, value] of byName([...parameters], ([one]) => one))
    hash.update(JSON.stringify([key, typeof value, String(value)]));
  return hash.digest("base64");
}

/** 0 for equal; infinite where the answer can't be this one's: other inputs, datatypes or ranks, outputs that were not requested. */
function compare(
  exchange: Exchange,
  { inputs, parameters, outputs, named }: Wanted,
): { readonly distance: number; readonly difference: string } {
  const never = (difference: string) => ({ distance: Number.POSITIVE_INFINITY, difference });
  const recorded = new Map(exchange.inputs.map(tensor => [tensor.name, tensor]));
  const missing =
    [...inputs.keys()].find(name => !recorded.has(name)) ?? [...recorded.keys()].find(name => !inputs.has(name));
  if (missing !== undefined) return never(`input '${missing}' is in one of them only`);
  if (named && named.version !== exchange.version) return never("another version was named");
  if (named && named.outputs.toSorted().join("\n") !== exchange.outputs.toSorted().join("\n"))
    return never("other outputs were listed");
  if (exchange.answers.length > 0 && !exchange.error) {
    const answered = new Set(exchange.answers.flatMap(answer => answer.outputs.map(({ name }) => name)));
    const unasked = exchange.outputs.length > 0 ? [...outputs].find(name => !answered.has(name)) : undefined;
    if (unasked !== undefined) return never(`output '${unasked}' was not requested`);
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
