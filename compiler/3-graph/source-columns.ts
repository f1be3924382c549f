/**
 * Declarations of a `source({ ... })` → columns; a value that is not a record or a dtype is reported.
 */

import { type ColumnSchema, column } from "../../contract/schema.js";
import { isTimeUnit, TIME_UNIT } from "../../contract/time-unit.js";
import type { Blame } from "../../operators/shared/author/define-op.js";
import { DATATYPES, type DType } from "../../triton-protos/datatype.js";
import { listNames, type Message } from "../diagnostics/diagnostic.js";
import { Suggestion, suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import { describeValue } from "../dsl/faults.js";

const NAMES: readonly string[] = DATATYPES.map(row => row.name);

/** Words of other languages for a dtype. */
const WORDS: Readonly<Record<string, DType>> = {
  float: "float32",
  double: "float64",
  number: "float32",
  f32: "float32",
  f64: "float64",
  int: "int64",
  integer: "int64",
  long: "int64",
  i32: "int32",
  i64: "int64",
  str: "string",
  text: "string",
  object: "string",
  boolean: "bool",
};

/** @param fail reports a fault, at the option it names where it can */
export function sourceColumns(
  declared: unknown,
  fail: (message: Message, blame: Blame | "whole") => undefined,
): ColumnSchema[] {
  if (declared === undefined) return [];
  if (typeof declared !== "object" || declared === null || Array.isArray(declared)) {
    fail(messages.graphSourceColumns({ seen: describeValue(declared) }), "right");
    return [];
  }
  const entries = Object.entries(declared);
  if (entries.length === 0) fail(messages.graphSourceColumns({ seen: "none" }), "right");
  return entries.flatMap(([name, type]) => {
    const made = typeof type === "string" ? parseColumn(name, type) : undefined;
    if (made) return [made];
    const suggestion = typeof type === "string" ? nearDtype(type) : "";
    fail(
      messages.graphDtypeUnknown({
        column: name,
        seen: typeof type === "string" ? `\`${type}\`` : describeValue(type),
        suggestion,
        known: listNames(NAMES, NAMES.length),
      }),
      { option: name },
    );
    return [];
  });
}

/** `"list<int64>"` → a column; undefined if it is not a dtype. `"timestamp<ms>"` is an int64 that says what it counts. */
function parseColumn(name: string, type: string): ColumnSchema | undefined {
  const [, unit] = /^timestamp<(.+)>$/.exec(type) ?? [];
  if (isTimeUnit(unit)) return column(name, "int64", { properties: { [TIME_UNIT]: unit } });
  const [, ragged] = /^list<(.+)>$/.exec(type) ?? [];
  const [, element, width] = /^(.+)\[(\d+)\]$/.exec(type) ?? [];
  const dtype = ragged ?? element ?? type;
  if (!NAMES.includes(dtype)) return undefined;
  const size = Number(width);
  return column(name, dtype as DType, {
    ...(ragged && { list: { min: 0, max: null } }),
    ...(width && { list: { min: size, max: size } }),
  });
}

function nearDtype(type: string): string | Suggestion {
  if (/time|date/i.test(type)) return " Did you mean `timestamp<ms>`? Units are `d`, `s`, `ms`, `us` and `ns`.";
  const [, element] = /^(?:list\[|array<)?(\w+?)(?:\[\]|\]|>)$/.exec(type) ?? [];
  const word = (element ?? type).toLowerCase();
  const dtype = NAMES.includes(word) ? word : Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (dtype) return new Suggestion(type, [element ? `list<${dtype}>` : dtype]);
  return suggest(type, NAMES);
}
