/**
 * What the reader of text format has to know of a message: its fields by name, with a map as a list of entries, each a message of two fields.
 */
import { type Enum, type Field, Type } from "protobufjs/light.js";

export interface Shape {
  /** `inference.ModelInput`. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldShape>;
}

export interface FieldShape {
  readonly name: string;
  /** Takes several values. */
  readonly repeated: boolean;
  readonly isMap: boolean;
  /** Of a message. */
  readonly message?: Shape;
  /** Numbers of an enum by name. */
  readonly values?: Readonly<Record<string, number>>;
  readonly enumName?: string;
  /** `int64`, `string`, … of anything else. */
  readonly scalar: string;
  /** The oneof that it is in, and the fields of that. */
  readonly oneof?: { readonly name: string; readonly members: readonly string[] };
}

const known = new WeakMap<Type, Shape>();

export function shapeOf(type: Type): Shape {
  let shape = known.get(type);
  if (!shape) {
    const name = type.fullName.slice(1);
    shape = { name, fields: new Map(type.fieldsArray.map(field => [field.name, fieldOf(field.resolve(), name)])) };
    known.set(type, shape);
  }
  return shape;
}

function fieldOf(field: Field, parent: string): FieldShape {
  const { name, repeated, partOf } = field;
  if (field.map)
    return {
      name,
      repeated: true,
      isMap: true,
      scalar: "",
      message: entryShape(field as Field & { readonly keyType: string }, parent),
    };
  return {
    name,
    repeated,
    isMap: false,
    ...kindOf(field),
    ...(partOf && { oneof: { name: partOf.name, members: partOf.fieldsArray.map(member => member.name) } }),
  };
}

function kindOf({ type, resolvedType }: Field): Pick<FieldShape, "scalar" | "message" | "values" | "enumName"> {
  if (resolvedType instanceof Type) return { scalar: "", message: shapeOf(resolvedType) };
  return resolvedType
    ? { scalar: "", values: (resolvedType as Enum).values, enumName: resolvedType.fullName.slice(1) }
    : { scalar: type };
}

/** protoc names the message of an entry after the field: `priority_queue_policy` has `PriorityQueuePolicyEntry`. */
function entryShape(field: Field & { readonly keyType: string }, parent: string): Shape {
  const camel = field.name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  const plain = { repeated: false, isMap: false };
  return {
    name: `${parent}.${camel}Entry`,
    fields: new Map<string, FieldShape>([
      ["key", { name: "key", ...plain, scalar: field.keyType }],
      ["value", { name: "value", ...plain, ...kindOf(field) }],
    ]),
  };
}
