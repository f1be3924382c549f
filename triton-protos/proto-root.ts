/**
 * Messages as plain typed objects: `encode("inference.ModelConfig", config)` → bytes, `decode` back. Decoded objects are complete: scalars and
 * lists always there, sub-messages and members of a oneof only where they were set; enums are names, 64-bit integers are numbers.
 */
import protobuf, {
  type Enum,
  type Field,
  type INamespace,
  type Message,
  type Root,
  type Type,
} from "protobufjs/light.js";
import type { Messages } from "./gen/messages.js";
import { callMessages, configMessages } from "./gen/root.js";

export type MessageName = keyof Messages;

/** What may be written: any field may be left out. */
export type Init<T> = T extends Uint8Array | string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : { readonly [K in keyof T]?: Init<T[K]> | undefined };

/** What a server reads as it starts; the messages of calls are as many again, and made when one is asked for. */
const configRoot = protobuf.Root.fromJSON(configMessages as INamespace).resolveAll();
let fullRoot: Root | undefined;
const types = new Map<MessageName, Type>();

/** The reflected type of a message. */
export function messageType(name: MessageName): Type {
  let type = types.get(name);
  if (!type) {
    const ofConfig = configRoot.lookup(name, protobuf.Type);
    type = ofConfig instanceof protobuf.Type ? ofConfig : allMessages().lookupType(name);
    types.set(name, type);
  }
  return type;
}

function allMessages(): Root {
  if (!fullRoot) {
    fullRoot = protobuf.Root.fromJSON(configMessages as INamespace);
    protobuf.Root.fromJSON(callMessages as INamespace, fullRoot).resolveAll();
  }
  return fullRoot;
}

export function encode<K extends MessageName>(name: K, message: Init<Messages[K]>): Uint8Array {
  const type = messageType(name);
  return type.encode(type.fromObject(message as Record<string, unknown>)).finish();
}

/** @throws Error when the bytes are not such a message */
export function decode<K extends MessageName>(name: K, bytes: Uint8Array): Messages[K] {
  const type = messageType(name);
  return complete(type, type.decode(bytes)) as Messages[K];
}

/** Fills in what was left out, so that readers need no defaults of their own. */
export const complete = (type: Type, message: object): object =>
  Object.fromEntries(
    type.fieldsArray.flatMap(field => {
      const value = completeField(field.resolve(), message as Record<string, unknown>);
      return value === undefined ? [] : [[field.name, value]];
    }),
  );

function completeField(field: Field, message: Record<string, unknown>): unknown {
  const present = Object.hasOwn(message, field.name) && message[field.name] !== null;
  const value = present ? message[field.name] : undefined;
  const type = field.resolvedType;
  const one = (item: unknown): unknown => {
    if (type instanceof protobuf.Type) return complete(type, item as Message);
    if (type) return typeof item === "number" ? ((type as Enum).valuesById[item] ?? item) : item;
    if (typeof item === "bigint") return Number(item);
    return typeof item === "object" && item !== null && "toNumber" in item
      ? (item as { toNumber(): number }).toNumber()
      : item;
  };
  if (field.map)
    return Object.fromEntries(Object.entries(value ?? {}).map(([key, item]) => [mapKey(field, key), one(item)]));
  if (field.repeated) return ((value as unknown[] | undefined) ?? []).map(one);
  if (value !== undefined) return one(value);
  return field.partOf || type instanceof protobuf.Type ? undefined : one(field.defaultValue);
}

// protobufjs keeps 64-bit keys of a decoded map as eight hash characters.
function mapKey(field: Field, key: string): string {
  const keyType = (field as Field & { keyType: string }).keyType;
  return /64/.test(keyType) && key.length === 8 && !/^\d+$/.test(key)
    ? protobuf.util.longFromHash(key, keyType === "uint64").toString()
    : key;
}
