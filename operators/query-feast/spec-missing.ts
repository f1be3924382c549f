/** The rule of `onMissing` in `queryFeast` for one feature, and whether a default fits its column. */
import { z } from "zod";
import { type ColumnSchema, isRagged } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { perColumn, scalar } from "../shared/spec/params.js";

export const onMissingSchema = z.union([
  z.enum(["error", "null", "drop"]),
  z.strictObject({ default: scalar }),
  perColumn(
    z.union([z.enum(["error", "null", "drop"]), z.strictObject({ default: z.union([scalar, z.array(scalar)]) })]),
  ),
]);

type Scalar = number | string | boolean;
/** The result for a missing feature: a fault, a null, a value, or a dropped row. */
export type MissingRule = "error" | "null" | "drop" | { readonly default: Scalar | readonly Scalar[] };

type OnMissing = z.output<typeof onMissingSchema>;

/** Whether a feature that is missing takes its row along. */
export const dropsRows = (rule: OnMissing): boolean =>
  rule === "drop" || (typeof rule === "object" && Object.values(rule).includes("drop"));

/** The rule of one output column; a record that does not name it leaves the default, a fault. */
export function missingRule(onMissing: OnMissing, column: string, feature: string): MissingRule {
  if (typeof onMissing === "string" || isDefault(onMissing)) return onMissing;
  const rules = onMissing as Readonly<Record<string, MissingRule>>;
  return rules[column] ?? rules[feature] ?? "error";
}

/** The columns or features that a record names; none where one rule is for all. */
export const namedInMissing = (onMissing: OnMissing): readonly string[] =>
  typeof onMissing === "string" || isDefault(onMissing) ? [] : Object.keys(onMissing);

/** `{ default: 0 }` is a rule; `{ default: "null" }` for a feature named `default` is distinguished by its value. */
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

/** Why a default does not fit the column; undefined where it does. */
export function defaultFault(schema: ColumnSchema, value: Scalar | readonly Scalar[]): string | undefined {
  const { dtype, name } = schema;
  if (Array.isArray(value) && !isRagged(schema))
    return `\`onMissing\` gives \`${name}\` the list ${JSON.stringify(value)}, and the feature is a scalar.`;
  const { kind, array } = datatype(dtype);
  for (const item of [value as Scalar | readonly Scalar[]].flat()) {
    const wanted = kind === "string" ? "string" : kind === "bool" ? "boolean" : "number";
    const whole = kind === "float" || typeof item !== "number" || Number.isSafeInteger(item);
    if (typeof item !== wanted || !whole)
      return `\`onMissing\` gives \`${name}\` the default ${JSON.stringify(item)}, and the feature is ${dtype}.`;
    if (kind === "int" && array && !(array === BigInt64Array || array === BigUint64Array)) {
      const held = new (array as Int32ArrayConstructor)([item as number]);
      if (held[0] !== item) return `\`onMissing\` gives \`${name}\` the default ${item}, which ${dtype} can not hold.`;
    }
  }
  return undefined;
}
