/**
 * The conditions of a search → tests of single attributes against values of the user: what vector databases can say. Negations are moved to
 * the tests. Any other form is refused by name.
 */
import { columnsOf, type Expression } from "../expression.js";
import type { FunctionName } from "../expression-functions.js";
import { whereColumn } from "../where.js";
import type { TextTest } from "./filter.js";

/** As a filter, with expressions of the user's columns in the place of values. */
export type Template =
  | { readonly all: readonly Template[] }
  | { readonly any: readonly Template[] }
  /** Reads no attribute. */
  | { readonly user: Expression }
  | { readonly attribute: string; readonly negated: boolean; readonly test: AttributeTest };

export type AttributeTest =
  | { readonly kind: "compare"; readonly by: "=" | "<" | "<=" | ">" | ">="; readonly value: Expression }
  | { readonly kind: "truthy" | "missing" }
  | { readonly kind: "among"; readonly list: Expression }
  | { readonly kind: "text"; readonly text: TextTest; readonly value: Expression };

/** A condition that no vector database can say. */
export class FilterFault extends Error {
  override readonly name = "FilterFault";
  constructor(
    /** Completes "the condition …". */
    readonly problem: string,
    readonly way: string,
  ) {
    super(`the condition ${problem}. ${way}`);
  }
}

/** A longer condition is refused: each test is a part of each search. */
export const MOST_TESTS = 64;

const ITEM = whereColumn("item", "");

const ORDERS: Partial<Record<FunctionName, "<" | "<=" | ">" | ">=">> = {
  less: "<",
  lessIntegers: "<",
  lessOrEqual: "<=",
  lessOrEqualIntegers: "<=",
  greater: ">",
  greaterIntegers: ">",
  greaterOrEqual: ">=",
  greaterOrEqualIntegers: ">=",
};
const MIRRORED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=" } as const;
const TEXTS: Partial<Record<FunctionName, TextTest>> = {
  startsWith: "startsWith",
  endsWith: "endsWith",
  includes: "includes",
};
const LISTS: readonly FunctionName[] = ["textsInclude", "numbersInclude", "integersInclude"];
/** As an author writes them. */
const SIGNS: Readonly<Record<string, string>> = {
  add: "+",
  subtract: "-",
  multiply: "*",
  divide: "/",
  remainder: "%",
  power: "**",
  negate: "-",
  lower: "toLowerCase()",
  upper: "toUpperCase()",
  textLength: "length",
};

/** @throws FilterFault */
export function templateOf(conditions: readonly Expression[]): Template {
  const scope: Scope = { left: MOST_TESTS };
  return { all: conditions.map(condition => visit(unfold(condition).expression, false, scope)) };
}

/** Tests of texts that a template has, with their attributes. */
export function textTestsOf(template: Template): readonly { readonly attribute: string; readonly text: TextTest }[] {
  if ("all" in template) return template.all.flatMap(textTestsOf);
  if ("any" in template) return template.any.flatMap(textTestsOf);
  if ("user" in template || template.test.kind !== "text") return [];
  return [{ attribute: template.attribute, text: template.test.text }];
}

/** Tests that the template may still have. */
interface Scope {
  left: number;
}

const readsItem = (expression: Expression): boolean => [...columnsOf(expression)].some(name => name.startsWith(ITEM));
const call = (name: FunctionName, ...args: readonly Expression[]): Expression => ({ call: name, args });

function visit(at: Expression, negated: boolean, scope: Scope): Template {
  if (--scope.left < 0)
    throw new FilterFault(`has more than ${MOST_TESTS} parts`, "Load an attribute that has the answer.");
  if (!readsItem(at)) return { user: negated ? call("not", at) : at };
  if ("column" in at) return { attribute: nameOf(at.column), negated, test: { kind: "truthy" } };
  if (!("call" in at)) throw odd(at);
  const [a, b, c] = at.args as [Expression, Expression, Expression];
  switch (at.call) {
    case "and":
    case "or": {
      const parts = at.args.map(part => visit(part, negated, scope));
      return (at.call === "and") === negated ? { any: parts } : { all: parts };
    }
    case "not":
      return visit(a, !negated, scope);
    case "notEqual":
      return visit(call("equal", a, b), !negated, scope);
    case "if":
      return {
        any: [
          { all: [visit(a, false, scope), visit(b, negated, scope)] },
          { all: [visit(a, true, scope), visit(c, negated, scope)] },
        ],
      };
    case "truthy":
      return isLogical(a) ? visit(truthyOf(a), negated, scope) : visit(a, negated, scope);
    default:
      return visitTest(at, negated, scope);
  }
}

const isLogical = (at: Expression): at is Extract<Expression, { call: unknown }> =>
  "call" in at && (at.call === "and" || at.call === "or" || at.call === "if");

/** `truthy(a && b)` as `truthy(a) && truthy(b)`. */
const truthyOf = (at: Extract<Expression, { call: unknown }>): Expression =>
  at.call === "if"
    ? call("if", at.args[0]!, call("truthy", at.args[1]!), call("truthy", at.args[2]!))
    : call(at.call, ...at.args.map(part => call("truthy", part)));

type Call = Extract<Expression, { call: unknown }>;

function visitTest(at: Call, negated: boolean, scope: Scope): Template {
  const [a, b] = at.args as [Expression, Expression];
  const replaced = withoutDefault(at);
  if (replaced) return visit(replaced, negated, scope);
  if (at.call === "isMissing") return { attribute: attributeOf(a, at), negated, test: { kind: "missing" } };
  if (LISTS.includes(at.call)) {
    if (readsItem(a)) throw odd(at);
    return { attribute: attributeOf(b, at), negated, test: { kind: "among", list: a } };
  }
  const text = TEXTS[at.call];
  if (text) {
    if (readsItem(b)) throw odd(at);
    return { attribute: attributeOf(a, at), negated, test: { kind: "text", text, value: b } };
  }
  const by = at.call === "equal" ? "=" : ORDERS[at.call];
  if (!by) throw odd(at);
  if (readsItem(a) && readsItem(b))
    throw new FilterFault(
      `compares two attributes, ${attributesIn(at)}`,
      "Load an attribute that has the answer, and test that.",
    );
  return readsItem(a)
    ? { attribute: attributeOf(a, at), negated, test: { kind: "compare", by, value: b } }
    : { attribute: attributeOf(b, at), negated, test: { kind: "compare", by: MIRRORED[by], value: a } };
}

/** `(item.stock ?? 0) > 0` → the test of the default where the attribute is missing, else the test of the attribute. */
function withoutDefault(at: Call): Expression | undefined {
  const place = at.args.findIndex(
    arg => "call" in arg && arg.call === "coalesce" && readsItem(arg.args[0]!) && !readsItem(arg.args[1]!),
  );
  if (place < 0) return undefined;
  const [attribute, instead] = (at.args[place] as Call).args as [Expression, Expression];
  const put = (part: Expression): Expression => call(at.call, ...at.args.map((arg, i) => (i === place ? part : arg)));
  return call("if", call("isMissing", attribute), put(instead), put(attribute));
}

/** An attribute, alone. */
function attributeOf(at: Expression, within: Expression): string {
  if ("column" in at) return nameOf(at.column);
  // An integer as a double: databases compare integers with the value itself.
  if ("call" in at && at.call === "widen" && "column" in at.args[0]!) return nameOf(at.args[0].column);
  throw odd("call" in at ? at : within);
}

const nameOf = (column: string): string => column.slice(ITEM.length);

const attributesIn = (at: Expression): string =>
  [...columnsOf(at)]
    .filter(name => name.startsWith(ITEM))
    .map(name => `\`${name}\``)
    .join(" and ");

function odd(at: Expression): FilterFault {
  const name = "call" in at ? at.call.replace(/Integers?$/, "") : "let";
  return new FilterFault(
    `computes \`${SIGNS[name] ?? name}\` of ${attributesIn(at)}, and vector databases compare attributes as they are`,
    "Compute it of the user's side, or load an attribute that has the result.",
  );
}

interface Unfolded {
  readonly expression: Expression;
  readonly size: number;
}

/** Parts of a condition, with names put in. */
const MOST_PARTS = 1000;

/** With names put in. A few nested names may stand for very many parts, which are counted before they are made. */
function unfold(at: Expression, locals: ReadonlyMap<string, Unfolded> = new Map()): Unfolded {
  if ("let" in at) return unfold(at.in, new Map([...locals, [at.let, unfold(at.be, locals)]]));
  if ("local" in at) return locals.get(at.local) ?? { expression: at, size: 1 };
  if (!("call" in at)) return { expression: at, size: 1 };
  const args = at.args.map(arg => unfold(arg, locals));
  const size = args.reduce((sum, arg) => sum + arg.size, 1);
  if (size > MOST_PARTS)
    throw new FilterFault(`has more than ${MOST_PARTS} parts`, "Load an attribute that has the answer.");
  return { expression: { ...at, args: args.map(arg => arg.expression) }, size };
}
