/**
 * Schemas as Merlin keeps them on disk, written and read by the rules of merlin-core 23.08. `schema.pbtxt` is protobuf text of
 * `tensorflow_metadata.v0.Schema`, and `.merlin/schema.json` is the same in JSON. Type uint is written as INT, since the format has no sign.
 */
import { defined } from "../../contract/defined.js";
import { type ColumnSchema, column, type JsonValue, type Schema } from "../../contract/schema.js";
import { type DType, datatype, isDType } from "../../triton-protos/datatype.js";
import {
  bytesOf,
  parseTextMessage,
  quoteBytes,
  type TextMessage,
  type TextValue,
  utf8Of,
} from "../bytes/text-message.js";
import { decodeStruct, encodeStruct, type JsonObject } from "../feast/struct-value.js";

const STRUCT_URL = "type.googleapis.com/google.protobuf.Struct";

/** One `Feature` message in protobuf's JSON form, as Merlin writes it. */
interface Feature {
  readonly name: string;
  readonly valueCount?: { readonly min?: string; readonly max?: string };
  readonly type?: "INT" | "FLOAT" | "BYTES";
  readonly intDomain?: Domain;
  readonly floatDomain?: Domain;
  readonly annotation: { readonly tag?: readonly string[]; readonly extraMetadata: readonly JsonObject[] };
}
interface Domain {
  readonly name?: string;
  readonly min?: string | number;
  readonly max?: string | number;
  readonly isCategorical?: boolean;
}

/** A schema file that cannot be read; the message says what is wrong. */
export class MerlinSchemaError extends Error {
  override readonly name = "MerlinSchemaError";
}

/** `.merlin/schema.json` */
export const printMerlinJson = (schema: Schema): string =>
  `${JSON.stringify({ feature: schema.map(featureOf) }, null, 2)}\n`;

/** `schema.pbtxt` */
export const printMerlinPbtxt = (schema: Schema): string => schema.map(col => printFeature(featureOf(col))).join("");

function featureOf(col: ColumnSchema): Feature {
  const { domain, value_count: _, ...properties } = col.properties;
  const { kind, bytes } = datatype(col.dtype);
  const { list } = col;
  const isNumber = kind === "int" || kind === "uint" || kind === "float";
  const dims = !list ? [[0, null]] : [[0, null], list.min === list.max ? list.min : [list.min, list.max]];
  const extra: JsonObject = {
    ...properties,
    _dims: dims,
    is_list: list !== undefined,
    is_ragged: list !== undefined && list.min !== list.max,
    ...(isNumber && { dtype_item_size: bytes * 8 }),
  };
  return {
    name: col.name,
    ...(list && {
      valueCount: { ...(list.min > 0 && { min: String(list.min) }), ...(list.max && { max: String(list.max) }) },
    }),
    ...(isNumber && { type: kind === "float" ? "FLOAT" : "INT" }),
    ...(isNumber && isObject(domain) && domainOf(domain, kind !== "float", col.tags.includes("categorical"))),
    annotation: { ...(col.tags.length > 0 && { tag: [...col.tags] }), extraMetadata: [extra] },
  };
}

function domainOf(
  domain: JsonObject,
  isInteger: boolean,
  isCategorical: boolean,
): Pick<Feature, "intDomain" | "floatDomain"> {
  const { name, min, max } = domain;
  const bounds = (print: (x: number) => string | number) => ({
    ...(typeof name === "string" && name !== "" && { name }),
    ...(typeof min === "number" && min !== 0 && { min: print(min) }),
    ...(typeof max === "number" && max !== 0 && { max: print(max) }),
  });
  return isInteger
    ? { intDomain: { ...bounds(String), ...(isCategorical && { isCategorical }) } }
    : { floatDomain: bounds(x => x) };
}

function printFeature({ name, valueCount, type, intDomain, floatDomain, annotation }: Feature): string {
  const quoted = (text: string) => quoteBytes(Buffer.from(text, "utf8"));
  const lines = ["feature {", `  name: ${quoted(name)}`];
  if (valueCount) lines.push("  value_count {", ...Object.entries(valueCount).map(([k, v]) => `    ${k}: ${v}`), "  }");
  if (type) lines.push(`  type: ${type}`);
  for (const [field, domain] of Object.entries({ int_domain: intDomain, float_domain: floatDomain })) {
    if (!domain) continue;
    lines.push(`  ${field} {`);
    if (domain.name !== undefined) lines.push(`    name: ${quoted(domain.name)}`);
    if (domain.min !== undefined) lines.push(`    min: ${domain.min}`);
    if (domain.max !== undefined) lines.push(`    max: ${domain.max}`);
    if (domain.isCategorical) lines.push("    is_categorical: true");
    lines.push("  }");
  }
  lines.push("  annotation {", ...(annotation.tag ?? []).map(tag => `    tag: ${quoted(tag)}`));
  // Merlin 23.08 has no type for Struct by name, so it reads the properties as bytes and not written out.
  for (const extra of annotation.extraMetadata)
    lines.push(
      "    extra_metadata {",
      `      type_url: "${STRUCT_URL}"`,
      `      value: ${quoteBytes(encodeStruct(extra))}`,
      "    }",
    );
  return `${[...lines, "  }", "}"].join("\n")}\n`;
}

/** @throws MerlinSchemaError */
export function parseMerlinJson(text: string, where: string): Schema {
  const json = guard(where, () => JSON.parse(text) as { feature?: Feature[] });
  return guard(where, () => (json.feature ?? []).map(columnOf));
}

/** @throws MerlinSchemaError */
export const parseMerlinPbtxt = (text: string, where: string): Schema =>
  guard(where, () => messages(parseTextMessage(text), "feature").map(feature => columnOf(featureFromText(feature))));

function featureFromText(feature: TextMessage): Feature {
  const annotation = messages(feature, "annotation")[0] ?? {};
  const count = messages(feature, "value_count")[0];
  const domain = (field: string): Domain | undefined => {
    const found = messages(feature, field)[0];
    if (!found) return undefined;
    const [name, min, max] = ["name", "min", "max"].map(key => scalar(found, key));
    const isCategorical = scalar(found, "is_categorical") === "true";
    return {
      ...(name !== undefined && { name: utf8Of(name) }),
      ...defined({ min, max }),
      isCategorical,
    };
  };
  const type = scalar(feature, "type") as Feature["type"];
  const [intDomain, floatDomain] = [domain("int_domain"), domain("float_domain")];
  const [min, max] = [count && scalar(count, "min"), count && scalar(count, "max")];
  return {
    name: utf8Of(scalar(feature, "name") ?? ""),
    ...(count && { valueCount: defined({ min, max }) }),
    ...defined({ type, intDomain, floatDomain }),
    annotation: {
      tag: (annotation.tag ?? []).map(tag => utf8Of(String(tag))),
      extraMetadata: messages(annotation, "extra_metadata").map(extra => {
        const written = messages(extra, `[${STRUCT_URL}]`)[0];
        return written ? structFromText(written) : decodeStruct(bytesOf(scalar(extra, "value") ?? ""));
      }),
    },
  };
}

function structFromText(struct: TextMessage): JsonObject {
  return Object.fromEntries(
    messages(struct, "fields").map(field => [
      utf8Of(scalar(field, "key") ?? ""),
      valueFromText(messages(field, "value")[0] ?? {}),
    ]),
  );
}

function valueFromText(value: TextMessage): JsonValue {
  const list = messages(value, "list_value")[0];
  const struct = messages(value, "struct_value")[0];
  if (list) return messages(list, "values").map(valueFromText);
  if (struct) return structFromText(struct) as JsonValue;
  const number = scalar(value, "number_value");
  if (number !== undefined) return Number(number);
  const text = scalar(value, "string_value");
  if (text !== undefined) return utf8Of(text);
  const bool = scalar(value, "bool_value");
  return bool === undefined ? null : bool === "true";
}

const messages = (of: TextMessage, field: string): TextMessage[] =>
  (of[field] ?? []).filter((v: TextValue): v is TextMessage => typeof v === "object");
const scalar = (of: TextMessage, field: string): string | undefined =>
  (of[field] ?? []).find((v): v is string => typeof v === "string");

/** Merlin's rules: the item size picks the width, `_dims` beats `value_count`, `is_categorical` is a tag. */
function columnOf({ name, type, valueCount, intDomain, floatDomain, annotation }: Feature): ColumnSchema {
  const { extraMetadata, tag = [] } = annotation ?? {};
  if ((extraMetadata?.length ?? 0) > 1)
    throw new Error(`column \`${name}\` has ${extraMetadata!.length} extra_metadata; one is the most`);
  const { _dims, is_list, is_ragged, dtype_item_size, ...properties } = extraMetadata?.[0] ?? {};
  const bits = Number(dtype_item_size ?? 0) || 64;
  const dtype = type === "INT" ? `int${bits}` : type === "FLOAT" ? `float${bits}` : "string";
  if (!isDType(dtype)) throw new Error(`column \`${name}\` has items of ${bits} bits, which no dtype has`);
  const domain = intDomain ?? floatDomain;
  const list =
    Array.isArray(_dims) && _dims.length > 1
      ? boundsOf(_dims[1]!)
      : valueCount
        ? { min: Number(valueCount.min ?? 0), max: Number(valueCount.max ?? 0) || null }
        : undefined;
  return column(name, dtype as DType, {
    ...(list && { list }),
    tags: domain?.isCategorical && !tag.includes("categorical") ? [...tag, "categorical"] : tag,
    properties: {
      ...(properties as { [key: string]: JsonValue }),
      ...(domain && {
        domain: {
          min: Number(domain.min ?? 0),
          max: Number(domain.max ?? 0),
          ...(domain.name && { name: domain.name }),
        },
      }),
    },
  });
}

function boundsOf(dim: JsonValue): NonNullable<ColumnSchema["list"]> {
  if (typeof dim === "number") return { min: dim, max: dim };
  const [min, max] = Array.isArray(dim) ? dim : [0, null];
  return { min: Number(min ?? 0), max: typeof max === "number" ? max : null };
}

const isObject = (value: JsonValue | undefined): value is { [key: string]: JsonValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function guard<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new MerlinSchemaError(`${where} is not a Merlin schema: ${(error as Error).message}`);
  }
}
