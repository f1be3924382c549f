/** `queryFeast` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { type ColumnSchema, isRagged } from "../../contract/schema.js";
import { datatype } from "../../triton-protos/datatype.js";
import { keys, plural, views } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { readOf } from "../shared/spec/narrow.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn, scalar } from "../shared/spec/params.js";

const RULES = z.enum(["error", "null", "drop"]);
/** The form of a record that a message shows. */
const withDefault = <T extends z.ZodType>(value: T) => z.strictObject({ default: value }, "`{ default: ... }`");
export const onMissingSchema = z.union([
  RULES,
  withDefault(scalar),
  perColumn(z.union([RULES, withDefault(z.union([scalar, z.array(scalar)]))])),
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

export const queryFeast = operator({
  params: z.strictObject({
    /** Feast repository as the author wrote it (for messages); the runtime reads the step's artefact. */
    repository: z.string(),
    /** One view, or several that are read in one round trip. */
    view: z.union([z.string(), z.array(z.string()).min(2)]),
    /** Views that a feature service takes under another name: that name → the view, and its join keys → what they are called here. */
    aliases: z.record(z.string(), z.strictObject({ view: z.string(), joinKeys: perColumn(z.string()) })).optional(),
    /** Column that holds the entity key; where there are several join keys, the column of each. */
    entityColumn: z.union([z.string(), perColumn(z.string())]),
    includeId: z.boolean().default(false),
    prefix: z.string().default(""),
    /** The rule for a feature of an unknown entity. A record has rules by feature. `drop` drops the candidate. */
    onMissing: onMissingSchema.default("error"),
    /** Values that are older are missing: `true` for the ttl of the view, or seconds. Feast itself serves them. */
    ttl: z.union([z.literal(true), z.number().positive()]).optional(),
    /** How BYTES become text; `utf8` refuses bytes that are none. */
    bytes: z.enum(["utf8", "base64"]).optional(),
    /** Megabytes of a SQLite store that may be held in memory; 0 reads the file each time. */
    memoryMb: z.number().min(0).optional(),
    /** How long a store beyond this process may take to answer. */
    timeoutMs: z.number().int().positive().optional(),
    /** Output column → feature name (`view:feature` where there are several views), in output order. Written by the compiler. */
    features: perColumn(z.string()),
  }),
  ports: { input: "many" },
  /** A Feast repository folder: `feature_store.yaml`, `data/registry.db`, `data/online_store.db`; read it with `readFeastRepository`. */
  artefacts: z.strictObject({ repository: artefactPath }),
  facts: {
    ...STAGE,
    nulls: "possible",
    rows: "kept",
    cacheable: true,
    scores: false,
    looksUp: true,
    readsClock: params => params.ttl !== undefined,
  },
  describe: ({ params }) =>
    `fetch ${plural(Object.keys(params.features).length, "feature")} of ${views(params.view)} by ${keys(params.entityColumn)} from ${params.repository}`,
  mayBeNull: ({ params, outputs }, column, read) => {
    const { list, dtype } = outputs.find(c => c.name === column)!;
    if (list) return list.nulls === true;
    if (!Object.hasOwn(params.features, column)) return read[0]!;
    // A default stands for stored nulls too.
    const feature = params.features[column]!.replace(/^.*:/, "");
    if (typeof missingRule(params.onMissing, column, feature) === "object") return false;
    return datatype(dtype).kind !== "float";
  },
  narrow: (step, isRead) => {
    const { params } = step;
    // Which rows stay depends on every feature that it may drop them for.
    if (dropsRows(params.onMissing)) return {};
    const { outputs, named } = readOf(step, isRead, params.features);
    const includeId = outputs.some(c => !Object.hasOwn(params.features, c.name));
    return { outputs, params: { ...params, features: named, includeId } };
  },
});
