/**
 * Snapshots of views ⇄ bytes that processes can share: a head that names the arrays, and the arrays. Numbers are read in place. A text that
 * occurs several times is one string.
 */
import { type Column, rootRows, type Values } from "../../base/columns/table.js";
import type { ViewSnapshot } from "./snapshot-form.js";
import type { FeatureColumn } from "./store.js";

const ARRAYS = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
} as const;
type Numbers = Exclude<Values, readonly string[]>;

/** An array: its type, where it begins among the arrays, and how many elements it has. */
interface Place {
  readonly type: keyof typeof ARRAYS;
  readonly at: number;
  readonly length: number;
}
/** Numbers, or the distinct texts of a column with the number of each value's text. */
type PlacedValues = Place | { readonly texts: readonly string[]; readonly codes: Place };

interface PlacedView {
  readonly count: number;
  readonly keyFrame?: number;
  readonly keys: readonly (Omit<Column, "rows" | "values" | "offsets" | "validity"> & {
    readonly values: PlacedValues;
    readonly validity?: Place;
  })[];
  readonly features: readonly {
    readonly values: PlacedValues;
    readonly status: Place;
    readonly offsets?: Place;
    readonly eventSeconds?: Place;
    readonly whole?: true;
  }[];
}

/** Arrays begin at cache lines. */
const ALIGNED = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNED) * ALIGNED;

export function packViews(views: readonly ViewSnapshot[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let end = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes, new Uint8Array(aligned(bytes.length) - bytes.length));
    end += aligned(bytes.length);
  };
  const place = (array: Numbers): Place => {
    const at = end;
    add(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return { type: array.constructor.name as Place["type"], at, length: array.length };
  };
  const values = (given: Values): PlacedValues => {
    if (!Array.isArray(given)) return place(given as Numbers);
    const numbers = new Map<string, number>();
    const codes = Int32Array.from(given as readonly string[], text => {
      const known = numbers.get(text) ?? numbers.size;
      numbers.set(text, known);
      return known;
    });
    return { texts: [...numbers.keys()], codes: place(codes) };
  };
  const head = views.map(
    ({ keys, features, keyFrame }): PlacedView => ({
      count: keys[0]!.rows.count,
      ...(keyFrame !== undefined && { keyFrame }),
      keys: keys.map(({ dtype, width, values: own, validity }) => ({
        dtype,
        ...(width !== undefined && { width }),
        values: values(own),
        ...(validity && { validity: place(validity) }),
      })),
      features: features.map(({ values: own, offsets, status, whole, eventSeconds }) => ({
        values: values(own),
        status: place(status),
        ...(offsets && { offsets: place(offsets) }),
        ...(eventSeconds && { eventSeconds: place(eventSeconds) }),
        ...(whole && { whole }),
      })),
    }),
  );
  const text = Buffer.from(JSON.stringify(head));
  const before = new Uint8Array(aligned(4 + text.length));
  new DataView(before.buffer).setUint32(0, text.length, true);
  before.set(text, 4);
  return [before, ...parts];
}

/** @param bytes begin at a multiple of 8; they are not copied */
export function unpackViews(bytes: Uint8Array): readonly ViewSnapshot[] {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + 4, length).toString();
  const start = bytes.byteOffset + aligned(4 + length);
  const array = <T extends Numbers>({ type, at, length }: Place): T =>
    new ARRAYS[type](bytes.buffer as ArrayBuffer, start + at, length) as unknown as T;
  const values = (placed: PlacedValues): Values =>
    "texts" in placed
      ? Array.from(array<Int32Array>(placed.codes), code => placed.texts[code]!)
      : (array(placed) as unknown as Values);
  return (JSON.parse(text) as readonly PlacedView[]).map(({ count, keyFrame, keys, features }) => {
    const rows = rootRows(count);
    return {
      ...(keyFrame !== undefined && { keyFrame }),
      keys: keys.map(
        ({ values: own, validity, ...rest }): Column => ({
          ...rest,
          rows,
          values: values(own),
          ...(validity && { validity: array<Uint8Array>(validity) }),
        }),
      ),
      features: features.map(
        ({ values: own, status, offsets, eventSeconds, whole }): FeatureColumn => ({
          values: values(own),
          status: array<Uint8Array>(status),
          ...(offsets && { offsets: array<Int32Array>(offsets) }),
          ...(eventSeconds && { eventSeconds: array<Float64Array>(eventSeconds) }),
          ...(whole && { whole }),
        }),
      ),
    };
  });
}
