/**
 * Features of a store's response → columns without gaps: `onMissing` decides for unknown entities and null values.
 */

import type { ColumnSchema } from "../../../contract/schema.js";
import { defaultFault, type MissingRule } from "../../../operators/query-feast/spec.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Column, type Rows, type Values } from "../../base/columns/table.js";
import { invalid, type RuntimeFault } from "../../base/errors.js";
import { FEATURE_STATUS, type FeatureColumn, isMissing } from "./store.js";

type Scalar = number | string | boolean;

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
      for (let key = 0; key < rows.count; key++) if (isMissing(feature.status[key]!)) throw missing(key);
    if (feature.status.every(status => status === FEATURE_STATUS.present)) return plain;
    if (given) return feature.offsets ? fillLists(plain, feature, given) : fillScalars(plain, feature.status, given);
    if (!offsets && datatype(schema.dtype).kind === "float") return plain;
    const present = feature.status.map(status => (status === FEATURE_STATUS.present ? 1 : 0));
    return offsets ? { ...plain, listValidity: present } : { ...plain, validity: present };
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
  const fault = defaultFault(schema, value);
  if (fault !== undefined) throw invalid(fault);
  const values = allocate(dtype, items.length) as { [i: number]: unknown };
  items.forEach((item, i) => {
    values[i] = values instanceof BigInt64Array ? BigInt(item) : item;
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
