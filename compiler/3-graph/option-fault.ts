/**
 * Invalid parameters of an operator → a message that names the option, the value found and the expected one.
 */
import type { z } from "zod";
import type { Blame, OpDefinition } from "../../operators/shared/author/define-op.js";
import { listNames, type Message } from "../diagnostics/diagnostic.js";
import { type Suggestion, suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import { describeValue } from "../dsl/faults.js";

/** Options that the compiler writes, not the author. */
const INTERNAL = new Set(["groups", "lambda"]);

/** The parts of an operator that define its options. */
export type OptionsOf = Pick<OpDefinition, "kind" | "params" | "positional" | "nodeOptions">;

export interface OptionFault {
  readonly message: Message;
  readonly blame: Blame;
}

/**
 * @param found what zod found first
 * @param given the parameters as the author gave them
 */
export function optionFault(found: z.core.$ZodIssue, given: unknown, definition: OptionsOf): OptionFault {
  const issue = ofRecord(found, given);
  const { kind: operator } = definition;
  const path = issue.path.map(String);
  const option = path.join(".");
  const seen = valueAt(path, given);
  const known = optionsOf(definition);
  const at: Blame = option ? { option: path[0]! } : "right";
  if (issue.code === "unrecognized_keys" && path.length === 0) {
    const [key] = issue.keys as [string];
    return {
      message: messages.optionUnknown({
        operator,
        option: key,
        known: known.length ? listNames(known) : "none",
        suggestion: suggest(key, known),
      }),
      blame: { option: key },
    };
  }
  if (path.length === 0 && issue.code === "invalid_type")
    return {
      message: messages.optionRecord({
        operator,
        seen: describeValue(given),
        example: `${operator}({ ${known[0] ?? "option"}: ... })`,
        known: listNames(known),
      }),
      blame: "right",
    };
  if (path.length === 0 || issue.code === "custom")
    return {
      message: messages.graphParameter({
        operator,
        problem: `${option && !issue.message.includes(option) ? `\`${option}\`: ` : ""}${issue.message.replace(/\.$/, "")}.`,
        way: "See the operator's documentation (hover over its name).",
      }),
      blame: at,
    };
  if (seen === undefined)
    return { message: messages.optionMissing({ operator, option, wanted: wantedOf(issue) }), blame: "right" };
  const wanted = wantedOf(issue);
  const isNumber = typeof seen === "string" && /^a (whole )?number/.test(wanted) && /^-?\d+(\.\d+)?$/.test(seen);
  const isRecordFirst = option === definition.positional?.[0] && describeValue(seen) === "a record";
  const message = messages.optionValue({
    operator,
    option,
    wanted,
    seen: describeValue(seen),
    suggestion: typeof seen === "string" && issue.code === "invalid_value" ? near(seen, issue.values) : "",
    way: isNumber
      ? `Write \`${seen}\`, without quotes.`
      : isRecordFirst
        ? `Give the ${option} first, and options after it: \`${operator}("${option}", { ... })\`.`
        : "Change the value at the mark.",
  });
  return { message: isNumber ? { ...message, replacements: [{ unquoted: seen }] } : message, blame: at };
}

const valueAt = (path: readonly PropertyKey[], given: unknown): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given);

/** Chooses the alternative that takes the record's keys, whose fault is in a value. */
function ofRecord(issue: z.core.$ZodIssue, given: unknown): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors
    .filter(([first]) => first && first.path.length > 0)
    .map(([first]) => ({ ...first!, path: [...issue.path, ...first!.path] }) as z.core.$ZodIssue)
    .find(({ path }) => valueAt(path, given) !== undefined);
  return inner ? ofRecord(inner, given) : issue;
}

const near = (seen: string, values: readonly unknown[]): Suggestion => suggest(seen, values.map(String));

function optionsOf({ params, positional = [], nodeOptions = [] }: OptionsOf): string[] {
  const shape = "shape" in params ? (params.shape as Record<string, unknown>) : {};
  const own = Object.keys(shape).filter(name => !INTERNAL.has(name) && !positional.includes(name));
  return [...own, ...nodeOptions];
}

const TYPES: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "`true` or `false`",
  array: "a list",
  object: "a record, `{ ... }`",
  record: "a record, `{ ... }`",
};

/** Describes the expected value. */
function wantedOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      // A form that the operator's schema shows.
      return issue.message.startsWith("`") ? issue.message : (TYPES[issue.expected] ?? issue.expected);
    case "invalid_value":
      return issue.values.map(value => `\`${JSON.stringify(value)}\``).join(" or ");
    case "too_small":
      return bound(issue.origin, issue.minimum, issue.inclusive ? "at least" : "more than");
    case "too_big":
      return bound(issue.origin, issue.maximum, issue.inclusive ? "at most" : "less than");
    case "invalid_union": {
      const ways = issue.errors.flatMap(([first]) =>
        first ? (first.path.length > 0 ? `\`{ ${first.path.join(".")}: ... }\`` : wantedOf(first)) : [],
      );
      return [...new Set(ways)].join(" or ") || "another value";
    }
    case "unrecognized_keys":
      return `no ${issue.keys.map(key => `\`${key}\``).join(", ")}`;
    default:
      return "another value";
  }
}

const bound = (origin: string, limit: number | bigint, relation: string): string =>
  origin === "array" || origin === "set"
    ? `a list of ${relation} ${limit}`
    : origin === "string"
      ? `a text of ${relation} ${limit} character${limit === 1 ? "" : "s"}`
      : `${origin === "int" ? "a whole number" : "a number"} of ${relation} ${limit}`;
