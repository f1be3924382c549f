/**
 * The shape of a message for readers and printers: its fields by name. A map is a list of entries, each a message of two fields. Made
 * from the descriptors alone, since every start of a server reads configurations and few need what encodes bytes.
 */
import type { Messages } from "./gen/messages.js";
import { callMessages, configMessages } from "./gen/root.js";

export type MessageName = keyof Messages;

/** A message to write: any field may be left out. */
export type Init<T> = T extends Uint8Array | string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : { readonly [K in keyof T]?: Init<T[K]> | undefined };

export interface Shape {
  /** `inference.ModelInput`. */
  readonly name: string;
  /** In the order of their declaration. */
  readonly fields: ReadonlyMap<string, FieldShape>;
}

export interface FieldShape {
  readonly name: string;
  /** Takes several values. */
  readonly repeated: boolean;
  readonly isMap: boolean;
  /** For a message. */
  readonly message?: Shape;
  readonly enum?: EnumShape;
  /** `int64`, `string`, … of anything else. */
  readonly scalar: string;
  /** The oneof that it is in, and the fields of that. */
  readonly oneof?: { readonly name: string; readonly members: readonly string[] };
}

export interface EnumShape {
  readonly name: string;
  readonly numbers: Readonly<Record<string, number>>;
  readonly names: ReadonlyMap<unknown, string>;
}

/** As protobufjs writes .proto files as JSON. */
interface Descriptor {
  readonly nested?: Readonly<Record<string, Descriptor>>;
  readonly fields?: Readonly<Record<string, FieldDescriptor>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly values?: Readonly<Record<string, number>>;
}

interface FieldDescriptor {
  readonly type: string;
  readonly rule?: string;
  /** For a map. */
  readonly keyType?: string;
}

const SCALAR = /^(?:double|float|u?int(?:32|64)|bool|string|bytes)$/;

const shapes = new Map<string, Shape>();
const enums = new Map<string, EnumShape>();

export function shapeOf(name: MessageName): Shape {
  return messageShape(name, find(name)!);
}

/** @param path `inference.ModelConfig` */
function find(path: string): Descriptor | undefined {
  const names = path.split(".");
  for (const root of [configMessages, callMessages] as readonly Descriptor[]) {
    let at: Descriptor | undefined = root;
    for (const name of names) at = at?.nested?.[name];
    if (at) return at;
  }
  return undefined;
}

function messageShape(name: string, descriptor: Descriptor): Shape {
  let shape = shapes.get(name);
  if (!shape) {
    shape = new MessageShape(name, descriptor);
    shapes.set(name, shape);
  }
  return shape;
}

/** Its fields are found out when they are looked at: few configurations have anything of most messages. */
class MessageShape implements Shape {
  readonly #descriptor: Descriptor;
  #fields: Shape["fields"] | undefined;

  constructor(
    readonly name: string,
    descriptor: Descriptor,
  ) {
    this.#descriptor = descriptor;
  }

  get fields(): Shape["fields"] {
    this.#fields ??= fieldsOf(this.name, this.#descriptor);
    return this.#fields;
  }
}

function fieldsOf(message: string, { fields, oneofs = {} }: Descriptor): Shape["fields"] {
  const oneofOf = new Map(
    Object.entries(oneofs).flatMap(([name, { oneof: members }]) =>
      members.map(member => [member, { name, members }] as const),
    ),
  );
  return new Map(
    Object.entries(fields!).map(
      ([name, written]) => [name, fieldShape(name, written, message, oneofOf.get(name))] as const,
    ),
  );
}

function fieldShape(
  name: string,
  { type, rule, keyType }: FieldDescriptor,
  parent: string,
  oneof: FieldShape["oneof"],
): FieldShape {
  const kind = kindOf(type, parent);
  if (keyType)
    return { name, repeated: true, isMap: true, scalar: "", message: entryShape(name, keyType, kind, parent) };
  return { name, repeated: rule === "repeated", isMap: false, ...kind, ...(oneof && { oneof }) };
}

type Kind = Pick<FieldShape, "scalar" | "message" | "enum">;

/** A name is looked up in its message, then in the enclosing ones. */
function kindOf(type: string, parent: string): Kind {
  if (SCALAR.test(type)) return { scalar: type };
  for (let scope = parent; scope !== ""; scope = scope.replace(/\.?[^.]*$/, "")) {
    const name = `${scope}.${type}`;
    const found = find(name);
    if (found?.fields) return { scalar: "", message: messageShape(name, found) };
    if (found?.values) return { scalar: "", enum: enumShape(name, found.values) };
  }
  throw new Error(`${parent} has a field of the type ${type}, which no descriptor has`);
}

function enumShape(name: string, numbers: Readonly<Record<string, number>>): EnumShape {
  let shape = enums.get(name);
  if (!shape) {
    shape = { name, numbers, names: new Map(Object.entries(numbers).map(([word, number]) => [number, word])) };
    enums.set(name, shape);
  }
  return shape;
}

/** protoc names the message of an entry after the field: `priority_queue_policy` has `PriorityQueuePolicyEntry`. */
function entryShape(field: string, keyType: string, kind: Kind, parent: string): Shape {
  const camel = field.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  const plain = { repeated: false, isMap: false };
  return {
    name: `${parent}.${camel}Entry`,
    fields: new Map<string, FieldShape>([
      ["key", { name: "key", ...plain, scalar: keyType }],
      ["value", { name: "value", ...plain, ...kind }],
    ]),
  };
}
