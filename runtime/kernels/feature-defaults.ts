/**
 * Features as a store answers them -> columns without gaps: what `onMissing` says becomes of an unknown entity and of a null value.
 */

import { datatype } from "../../triton-protos/datatype.js";
import type { OpParams } from "../../triton-protos/op-params.js";
import { type ColumnSchema, isRagged } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import { allocate, type Column, type Rows, type Values } from "../plan/table.js";
import { FEATURE_STATUS, type FeatureColumn } from "../stores/feast/store.js";

type Scalar = number | string | boolean;
/** What a missing feature becomes: a fault, a null, a value; or its row goes. */
export type MissingRule = "error" | "null" | "drop" | { readonly default: Scalar | readonly Scalar[] };

/** The rule of one output column; a record that does not name it leaves the default, a fault. */
export function missingRule(
  onMissing: OpParams["queryFeast"]["onMissing"],
  column: string,
  feature: string,
): MissingRule {
  if (typeof onMissing === "string") return onMissing;
  if (isDefault(onMissing)) return onMissing;
  const rules = onMissing as Readonly<Record<string, MissingRule>>;
  return rules[column] ?? rules[feature] ?? "error";
}

/** `{ default: 0 }` is a rule; `{ default: "null" }` for a feature named `default` is told by its value. */
const isDefault = (value: object): value is { default: Scalar } => {
  const { default: given, ...rest } = value as { default?: unknown };
  return (
    Object.keys(rest).length === 0 &&
    given !== undefined &&
    (typeof given !== "object" || Array.isArray(given)) &&
    given !== "error" &&
    given !== "null" &&
    given !== "drop"
  );
};

/** A prepared rule: one feature of distinct keys → a column. */
export type FillMissing = (feature: FeatureColumn, rows: Rows, missing: (key: number) => RuntimeFault) => Column;

/** @throws RuntimeFault when the default does not fit the column */
export function prepareMissing(schema: ColumnSchema, rule: MissingRule): FillMissing {
  const given = typeof rule === "object" ? defaultValues(schema, rule.default) : undefined;
  const { dtype } = schema;
  return (feature, rows, missing) => {
    const { values, offsets } = feature;
    const plain: Column = offsets ? { dtype, rows, values, offsets } : { dtype, rows, values };
    if (feature.whole) return plain;
    if (rule === "error")
      for (let key = 0; key < rows.count; key++)
        if (feature.status[key] === FEATURE_STATUS.notFound || feature.status[key] === FEATURE_STATUS.outdated)
          throw missing(key);
    if (feature.status.every(status => status === FEATURE_STATUS.present)) return plain;
    if (given) return feature.offsets ? fillLists(plain, feature, given) : fillScalars(plain, feature.status, given);
    if (feature.offsets || datatype(schema.dtype).kind === "float") return plain;
    return { ...plain, validity: feature.status.map(status => (status === FEATURE_STATUS.present ? 1 : 0)) };
  };
}

/** A rule with its default in the column's dtype. @throws RuntimeFault when it does not fit */
export const missingValues = (
  schema: ColumnSchema,
  rule: MissingRule,
): Exclude<MissingRule, object> | { readonly default: Values } =>
  typeof rule === "object" ? { default: defaultValues(schema, rule.default) } : rule;

function defaultValues(schema: ColumnSchema, value: Scalar | readonly Scalar[]): Values {
  const { dtype } = schema;
  const items = Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar];
  if (Array.isArray(value) !== isRagged(schema) && !(isRagged(schema) && !Array.isArray(value)))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `\`onMissing\` gives \`${schema.name}\` the list ${JSON.stringify(value)}, and the feature is a scalar.`,
    );
  const values = allocate(dtype, items.length) as { [i: number]: unknown };
  const { kind } = datatype(dtype);
  items.forEach((item, i) => {
    const fits =
      kind === "string"
        ? typeof item === "string"
        : kind === "bool"
          ? typeof item === "boolean"
          : typeof item === "number";
    if (!fits || (kind !== "float" && typeof item === "number" && !Number.isSafeInteger(item)))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `\`onMissing\` gives \`${schema.name}\` the default ${JSON.stringify(item)}, and the feature is ${dtype}.`,
      );
    values[i] = values instanceof BigInt64Array ? BigInt(item) : item;
    if (kind === "int" && Number(values[i]) !== Number(item))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `\`onMissing\` gives \`${schema.name}\` the default ${item}, which ${dtype} can not hold.`,
      );
  });
  return values as unknown as Values;
}

function fillScalars(col: Column, status: Uint8Array, given: Values): Column {
  const values = col.values.slice() as { [i: number]: unknown };
  for (let i = 0; i < status.length; i++) if (status[i] !== FEATURE_STATUS.present) values[i] = given[0];
  return { ...col, values: values as unknown as Values };
}

function fillLists(col: Column, { status }: FeatureColumn, given: Values): Column {
  const source = col.offsets!;
  const offsets = new Int32Array(source.length);
  for (let i = 0; i < status.length; i++)
    offsets[i + 1] = offsets[i]! + (status[i] === FEATURE_STATUS.present ? source[i + 1]! - source[i]! : given.length);
  const values = allocate(col.dtype, offsets[status.length]!) as { [i: number]: unknown };
  for (let i = 0; i < status.length; i++) {
    const [from, start] = status[i] === FEATURE_STATUS.present ? [col.values, source[i]!] : [given, 0];
    for (let j = 0; j < offsets[i + 1]! - offsets[i]!; j++) values[offsets[i]! + j] = from[start + j];
  }
  return { ...col, values: values as unknown as Values, offsets };
}
