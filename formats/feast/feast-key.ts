/**
 * Entity keys as Feast's online stores write them: join keys and their values → bytes, in serialization versions 1, 2 and 3.
 * The declared type decides: an INT32 entity and an INT64 entity with the same number have different keys.
 */
import type { FeastType } from "./feast-type.js";

export type KeyVersion = 1 | 2 | 3;

/** The form of BYTES in columns of text. */
export type BytesForm = "utf8" | "base64";

/** One part of a key. Bytes may be given as text, which is then their UTF-8. */
export type KeyPart = bigint | number | string | Uint8Array;

export interface JoinKey {
  readonly name: string;
  readonly type: FeastType;
  /** Its name in a look-up, if a feature service gives it another name than the store's. */
  readonly asked?: string;
}

/** The name by which a look-up gives the key. */
export const askedName = ({ name, asked = name }: JoinKey): string => asked;

/** The types an entity may have in a key, with Feast's number for them. */
const KEY_TYPES: Partial<Record<FeastType, number>> = { BYTES: 1, STRING: 2, INT32: 3, INT64: 4, UNIX_TIMESTAMP: 8 };
const encoder = new TextEncoder();

export const isKeyType = (type: FeastType): boolean => KEY_TYPES[type] !== undefined;

/**
 * Prepares an encoder for a view's join keys.
 * @returns values in the order of `joinKeys` → key bytes
 * @throws RangeError for a number that its type can not hold
 */
export function keyEncoder(
  joinKeys: readonly JoinKey[],
  version: KeyVersion,
): (values: readonly KeyPart[]) => Uint8Array {
  const order = joinKeys.map((_, i) => i).sort((a, b) => compare(joinKeys[a]!.name, joinKeys[b]!.name));
  const head = keyPrefix(
    joinKeys.map(key => key.name),
    version,
  );
  return values => {
    const parts = order.map(i => keyValue(joinKeys[i]!, values[i]!, version));
    const bytes = new Uint8Array(parts.reduce((n, part) => n + part.length, head.length));
    bytes.set(head);
    let at = head.length;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  };
}

/** The prefix of every key of a view: the number of join keys (version 3) and their sorted names. */
export function keyPrefix(names: readonly string[], version: KeyVersion): Uint8Array {
  const parts: number[] = version === 3 ? [...uint32(names.length)] : [];
  for (const name of [...names].sort(compare)) {
    const bytes = encoder.encode(name);
    parts.push(...uint32(KEY_TYPES.STRING!));
    if (version === 3) parts.push(...uint32(bytes.length));
    parts.push(...bytes);
  }
  return Uint8Array.from(parts);
}

/**
 * Finds the version of a stored key, which otherwise only the repository's `feature_store.yaml` has.
 * @returns null when the key is not one of these join keys
 */
export function keyVersionOf(key: Uint8Array, joinKeys: readonly JoinKey[]): KeyVersion | null {
  const names = joinKeys.map(join => join.name);
  if (startsWith(key, keyPrefix(names, 3))) return 3;
  const head = keyPrefix(names, 2);
  if (!startsWith(key, head)) return null;
  // Versions 1 and 2 differ in the length of an INT64 alone.
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  for (let at = head.length; at + 8 <= key.length; at += 8 + view.getUint32(at + 4, true))
    if (view.getUint32(at, true) === KEY_TYPES.INT64) return view.getUint32(at + 4, true) === 4 ? 1 : 2;
  return 2;
}

function keyValue(join: JoinKey, value: KeyPart, version: KeyVersion): Uint8Array {
  const type = KEY_TYPES[join.type];
  if (type === undefined) throw new RangeError(`join key \`${join.name}\` is ${join.type}, which Feast has no key for`);
  if (value instanceof Uint8Array || type <= 2)
    return framed(type, value instanceof Uint8Array ? value : encoder.encode(String(value)));
  const wide = type !== 3 && !(type === 4 && version === 1);
  const bytes = new Uint8Array(wide ? 8 : 4);
  const number = BigInt(value);
  if (BigInt.asIntN(wide ? 64 : 32, number) !== number)
    throw new RangeError(`join key \`${join.name}\`: ${number} is beyond ${wide ? "int64" : "int32"}`);
  const view = new DataView(bytes.buffer);
  if (wide) view.setBigInt64(0, number, true);
  else view.setInt32(0, Number(number), true);
  return framed(type, bytes);
}

/**
 * Reads a stored key's values back.
 * @param length of the prefix that `keyPrefix` makes
 * @returns in the order of `joinKeys`; undefined for a key of other types
 */
export function keyDecoder(joinKeys: readonly JoinKey[], length: number): (key: Uint8Array) => KeyPart[] | undefined {
  const order = joinKeys.map((_, i) => i).sort((a, b) => compare(joinKeys[a]!.name, joinKeys[b]!.name));
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return key => {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const parts: KeyPart[] = new Array(order.length);
    let at = length;
    for (const i of order) {
      if (at + 8 > key.length) return undefined;
      const type = view.getUint32(at, true);
      const size = view.getUint32(at + 4, true);
      at += 8;
      if (type !== KEY_TYPES[joinKeys[i]!.type] || at + size > key.length) return undefined;
      if (type === 1) parts[i] = key.slice(at, at + size);
      else if (type === 2) parts[i] = decoder.decode(key.subarray(at, at + size));
      else if (size === 8) parts[i] = view.getBigInt64(at, true);
      else if (size === 4) parts[i] = view.getInt32(at, true);
      else return undefined;
      at += size;
    }
    return at === key.length ? parts : undefined;
  };
}

function framed(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, payload.length, true);
  bytes.set(payload, 8);
  return bytes;
}

const uint32 = (n: number): Uint8Array => Uint8Array.of(n, n >>> 8, n >>> 16, n >>> 24);
export const startsWith = (bytes: Uint8Array, head: Uint8Array): boolean => head.every((byte, i) => bytes[i] === byte);
/** Python sorts strings by code point; JavaScript's `<` by UTF-16 unit, which differs only beyond the BMP. */
const compare = (a: string, b: string): number => {
  const x = encoder.encode(a);
  const y = encoder.encode(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
};
