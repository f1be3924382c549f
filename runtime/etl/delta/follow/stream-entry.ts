/** Entries of a Redis stream → upserts and deletions: of several entries with one id the last one counts. */
import { isUtf8 } from "node:buffer";
import { type DeltaIds, type DeltaRows, rowsAtOnce } from "../../../../formats/delta/delta-rows.js";
import { datatype } from "../../../../triton-protos/datatype.js";
import { toUnitLength } from "../../../stores/vectors/unit-length.js";
import type { VectorColumns } from "../../keyed-vectors.js";
import { type AttributeValues, printPickedRows } from "../print-picked-rows.js";
import type { FeedBatch, RowForm } from "./feed.js";

/** Ids of texts, and names of attributes, in bytes. */
const LONGEST_NAME = 1024;
const MOST_ATTRIBUTES = 256;

export interface EntryOptions extends VectorColumns {
  /** Vectors are JSON lists, or float32 in little-endian bytes. */
  readonly encoding: "json" | "float32";
  /** Bytes of an entry. */
  readonly maxBytes: number;
}

export interface StreamEntry {
  readonly id: string;
  /** Size of names and values. If it is above `maxBytes`, `fields` is empty. */
  readonly bytes: number;
  readonly fields: readonly Buffer[];
}

type Scalar = number | string | boolean;

export interface EntryChange {
  readonly key: bigint | string;
  /** Undefined for a deletion. */
  readonly vector: Float32Array | undefined;
  readonly attributes: ReadonlyMap<string, Scalar>;
}

/** @throws Error with the reason, without the entry's name */
export function readEntry({ bytes, fields }: StreamEntry, form: RowForm, options: EntryOptions): EntryChange {
  if (bytes > options.maxBytes)
    throw new Error(`it has ${bytes} bytes, and an entry may have ${options.maxBytes}. Raise \`--max-bytes\``);
  const byName = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) byName.set(fields[i]!.toString("utf8"), fields[i + 1]!);
  const known = ["op", "attributes", options.id, options.embedding];
  for (const name of byName.keys())
    if (!known.includes(name))
      throw new Error(`field ${short(name)} is not one of ${known.join(", ")}. Write attributes into \`attributes\``);
  const key = keyOf(byName.get(options.id), options.id, form);
  const op = byName.get("op")?.toString("latin1") ?? "upsert";
  if (op === "delete") return { key, vector: undefined, attributes: new Map() };
  if (op !== "upsert") throw new Error(`\`op\` is ${short(op)}, and must be "upsert" or "delete"`);
  const vector = vectorOf(byName.get(options.embedding), form.dimension, options);
  if (form.unit && vector.every(x => x === 0))
    throw new Error(`\`${options.embedding}\` has length 0, which has no cosine`);
  return { key, vector, attributes: attributesOf(byName.get("attributes")) };
}

const short = (text: string): string => JSON.stringify(text.slice(0, 80));

function keyOf(value: Buffer | undefined, name: string, { ids }: RowForm): bigint | string {
  if (!value) throw new Error(`it has no field \`${name}\`, the id of the item`);
  if (value.length > LONGEST_NAME) throw new Error(`\`${name}\` has ${value.length} bytes; at most ${LONGEST_NAME}`);
  if (!isUtf8(value)) throw new Error(`\`${name}\` is not UTF-8`);
  const text = value.toString("utf8");
  if (ids === "string") return text;
  if (!/^-?\d{1,19}$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text))
    throw new Error(`\`${name}\` is ${short(text)}, and the ids of this index are int64`);
  return BigInt(text);
}

function vectorOf(value: Buffer | undefined, dimension: number, { embedding, encoding }: EntryOptions): Float32Array {
  if (!value) throw new Error(`it has no field \`${embedding}\`, the vector of the item`);
  const named = `\`${embedding}\``;
  if (encoding === "float32" && value.length !== 4 * dimension)
    throw new Error(`${named} has ${value.length} bytes, and a vector of the index has ${4 * dimension} (float32)`);
  const numbers = encoding === "float32" ? floatsOf(value) : parse(value, named);
  if (!Array.isArray(numbers) || numbers.length !== dimension)
    throw new Error(
      `${named} ${Array.isArray(numbers) ? `has ${numbers.length} numbers` : "is not a list"}, and the index vectors of ${dimension}`,
    );
  const odd = numbers.findIndex(x => typeof x !== "number" || !Number.isFinite(Math.fround(x)));
  if (odd >= 0) throw new Error(`${named} has ${short(String(numbers[odd]))} at place ${odd}, which is not a float32`);
  return Float32Array.from(numbers as number[]);
}

const floatsOf = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));

function parse(value: Buffer, named: string): unknown {
  try {
    return JSON.parse(value.toString("utf8"));
  } catch {
    throw new Error(`${named} is not JSON`);
  }
}

function attributesOf(value: Buffer | undefined): ReadonlyMap<string, Scalar> {
  if (!value) return new Map();
  const read = parse(value, "`attributes`");
  if (typeof read !== "object" || read === null || Array.isArray(read))
    throw new Error("`attributes` is not a JSON object");
  const entries = Object.entries(read as Record<string, unknown>).filter(([, one]) => one !== null);
  if (entries.length > MOST_ATTRIBUTES)
    throw new Error(`\`attributes\` has ${entries.length} names; at most ${MOST_ATTRIBUTES}`);
  for (const [name, one] of entries) {
    if (name === "" || Buffer.byteLength(name) > LONGEST_NAME)
      throw new Error(`a name of \`attributes\` is empty or longer than ${LONGEST_NAME} bytes`);
    if (!["number", "string", "boolean"].includes(typeof one))
      throw new Error(`attribute ${short(name)} is not a number, a string or a bool`);
    // A longer integer was rounded when it was parsed.
    if (typeof one === "number" && Number.isInteger(one) && !Number.isSafeInteger(one))
      throw new Error(`attribute ${short(name)} is an integer beyond 2^53`);
  }
  return new Map(entries as [string, Scalar][]);
}

/** @param changes in the order of the stream */
export function batchOf(
  changes: readonly EntryChange[],
  { ids, dimension, unit }: RowForm,
): Pick<FeedBatch, "upserts" | "deletes" | "counts"> {
  const last = new Map<bigint | string, EntryChange>();
  for (const change of changes) {
    // The order of items is that of their last upsert.
    last.delete(change.key);
    last.set(change.key, change);
  }
  const deleted = [...last.values()].filter(({ vector }) => !vector).map(({ key }) => key);
  const kept = [...last.values()].filter(({ vector }) => vector);
  const idsOf = (keys: readonly (bigint | string)[]): DeltaIds =>
    ids === "int64" ? BigInt64Array.from(keys as bigint[]) : (keys as string[]);
  const upserts: DeltaRows[] = [];
  for (const group of alike(kept, rowsAtOnce(dimension))) {
    const vectors = new Float32Array(group.length * dimension);
    group.forEach(({ vector }, i) => void vectors.set(vector!, i * dimension));
    if (unit) toUnitLength(vectors, dimension);
    upserts.push({ ids: idsOf(group.map(({ key }) => key)), vectors, attributes: tableOf(group) });
  }
  return { upserts, deletes: idsOf(deleted), counts: { upserts: kept.length, deletes: deleted.length } };
}

/** Neighbors whose attributes have the same names and types, which fit into one record. */
function* alike(changes: readonly EntryChange[], most: number): Generator<readonly EntryChange[]> {
  let [group, of] = [[] as EntryChange[], ""];
  for (const change of changes) {
    const own = JSON.stringify([...change.attributes].map(([name, value]) => [name, typeof value]).sort());
    if (group.length > 0 && (own !== of || group.length === most)) {
      yield group;
      group = [];
    }
    of = own;
    group.push(change);
  }
  if (group.length > 0) yield group;
}

const DTYPES = { number: "float64", string: "string", boolean: "bool" } as const;

function tableOf(group: readonly EntryChange[]): Uint8Array {
  const { attributes } = group[0]!;
  if (attributes.size === 0) return new Uint8Array(0);
  const columns = new Map<string, AttributeValues>();
  for (const [name, first] of attributes) {
    const dtype = DTYPES[typeof first as keyof typeof DTYPES];
    const values = group.map(change => change.attributes.get(name)!);
    columns.set(name, { dtype, values: datatype(dtype).array ? values.map(Number) : values });
  }
  return printPickedRows(
    columns,
    group.map((_, i) => i),
  );
}
