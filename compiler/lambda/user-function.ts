/**
 * A user's function as operators see it: its parameters, and a way to compile it once their values are known.
 */
import type { Expression } from "../../contract/expression.js";
import { type FoundType, valueTypeOf } from "../../contract/expression-type.js";
import { printType } from "../../contract/schema.js";
import type { Bound } from "../../operators/shared/author/bound.js";
import type { Range } from "../1-rewrite/spans.js";
import type { Parameter, ParameterName } from "./parameter.js";
import { type Term, value } from "./term.js";

export interface CompiledFunction {
  readonly expression: Expression;
  readonly type: FoundType;
}

export interface UserFunction {
  readonly parameters: readonly Parameter[];
  /** Its text, and the text's place. */
  readonly source: string;
  readonly file: string;
  readonly range: Range;
  /** @param bind the value of a parameter's name; undefined after a fault of its own */
  compile(bind: (name: ParameterName) => Term | undefined): CompiledFunction | undefined;
}

/** A column in a function, under its name in the step. */
export function columnTerm({ column }: Bound): Term {
  const type = valueTypeOf(column);
  const { name } = column;
  if (!type) return { kind: "unreadable", what: `a ${printType(column)} column` };
  if (type !== "integer" && type !== "integers") return value(type, { column: name });
  const plain = value(type === "integer" ? "number" : "numbers", { column: name });
  return { ...plain, integer: { expression: { column: name, exact: true }, flexible: false } };
}
