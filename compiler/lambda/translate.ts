/**
 * The syntax of a user's function → an expression. Everything that is not understood is reported at its very token, with the nearest
 * thing that works; nothing is run.
 */
import { ts } from "ts-morph";
import type { FunctionName } from "../../triton-protos/expression-functions.js";
import type { Range } from "../1-rewrite/spans.js";
import { didYouMean, listNames, type Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { Captured } from "../dsl/lambda.js";
import { translateCall } from "./calls.js";
import { CONSTANTS, INSTEAD } from "./javascript-names.js";
import type { Lambda } from "./read-lambda.js";
import { call, constant, describeTerm, listOf, MISSING, number, type Term, type ValueTerm, value } from "./term.js";

/** What a translation knows at some point of the function. */
export interface Context {
  readonly lambda: Lambda;
  readonly names: ReadonlyMap<string, Term>;
  readonly captured: Readonly<Record<string, Captured>>;
  /** Names given to `let`s so far, so that each is new. */
  readonly taken: Set<string>;
  /** Parts that may still be translated: ways through nested `if`s multiply. */
  readonly budget: { left: number };
  fail(at: Range, message: Message): undefined;
}

export const rangeOf = ({ lambda }: Context, node: ts.Node): Range => ({
  start: node.getStart(lambda.tree),
  end: node.end,
});
export const unsupported = (context: Context, node: ts.Node, what: string, way: string): undefined =>
  context.fail(rangeOf(context, node), messages.lambdaUnsupported({ what, way }));
const wrongType = (context: Context, node: ts.Node, operator: string, wanted: string, seen: string, way: string) =>
  context.fail(rangeOf(context, node), messages.lambdaType({ operator, wanted, seen, way }));

/** Counts a part; says once that there are too many. */
export function isSpent(node: ts.Node, context: Context): boolean {
  context.budget.left--;
  if (context.budget.left === 0)
    unsupported(
      context,
      node,
      "A function of this size",
      "Make a column of a part of it, with a `lambdaOp` of its own.",
    );
  return context.budget.left <= 0;
}

/** A part that must be a plain value. */
export function readValue(node: ts.Expression, context: Context): ValueTerm | undefined {
  const term = translate(node, context);
  if (!term || term.kind === "value") return term;
  if (term.kind === "constant" && Array.isArray(term.value)) {
    const list = listOf(term.value);
    if (list) return list;
  }
  const ways = {
    date: "Ask for a part of it: `.getUTCHours()`, `.getTime()`.",
    row: "Name a column of it: `row.price`.",
    constant: "Use a list of numbers, a list of texts, or one member: `LIMITS.price`.",
    unreadable: "Cast it first, or leave it out.",
  } as const;
  return unsupported(context, node, `${capital(describeTerm(term))}, as a value,`, ways[term.kind]);
}

export function translate(node: ts.Expression, context: Context): Term | undefined {
  if (isSpent(node, context)) return undefined;
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node)) return translate(node.expression, context);
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return translate(node.expression, context);
  if (ts.isNumericLiteral(node)) return number(Number(node.text));
  if (ts.isStringLiteralLike(node)) return value("text", { text: node.text });
  if (node.kind === ts.SyntaxKind.TrueKeyword) return value("flag", { flag: true });
  if (node.kind === ts.SyntaxKind.FalseKeyword) return value("flag", { flag: false });
  if (node.kind === ts.SyntaxKind.NullKeyword) return MISSING;
  if (ts.isIdentifier(node)) return identifier(node, context);
  if (ts.isPrefixUnaryExpression(node)) return prefix(node, context);
  if (ts.isBinaryExpression(node)) return binary(node, context);
  if (ts.isConditionalExpression(node)) return conditional(node, context);
  if (ts.isTemplateExpression(node)) return template(node, context);
  if (ts.isPropertyAccessExpression(node)) return property(node, context);
  if (ts.isElementAccessExpression(node)) return element(node, context);
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) return translateCall(node, context);
  if (ts.isArrayLiteralExpression(node)) return list(node, context);
  const [what, way] = describeSyntax(node);
  return unsupported(context, node, what, way);
}

/** A part used as a condition: JavaScript's truth. */
export function condition(node: ts.Expression, context: Context): ValueTerm | undefined {
  if (ts.isParenthesizedExpression(node)) return condition(node.expression, context);
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
    const inner = condition(node.operand, context);
    return inner && call("not", inner);
  }
  if (ts.isBinaryExpression(node)) {
    const name = LOGIC.get(node.operatorToken.kind);
    if (name === "and" || name === "or") {
      const [left, right] = [condition(node.left, context), condition(node.right, context)];
      return left && right && call(name, left, right);
    }
  }
  const term = readValue(node, context);
  if (!term || term.type === "flag") return term;
  if (term.type === "missing") return value("flag", { flag: false });
  if (term.type === "numbers" || term.type === "texts")
    return wrongType(
      context,
      node,
      "A condition",
      "true or false",
      describeTerm(term),
      "A list is always true: write `ids.length > 0`.",
    );
  return call("truthy", term);
}

const ARITHMETIC = new Map<ts.SyntaxKind, FunctionName>([
  [ts.SyntaxKind.PlusToken, "add"],
  [ts.SyntaxKind.MinusToken, "subtract"],
  [ts.SyntaxKind.AsteriskToken, "multiply"],
  [ts.SyntaxKind.SlashToken, "divide"],
  [ts.SyntaxKind.PercentToken, "remainder"],
  [ts.SyntaxKind.AsteriskAsteriskToken, "power"],
]);
const COMPARISON = new Map<ts.SyntaxKind, FunctionName>([
  [ts.SyntaxKind.LessThanToken, "less"],
  [ts.SyntaxKind.LessThanEqualsToken, "lessOrEqual"],
  [ts.SyntaxKind.GreaterThanToken, "greater"],
  [ts.SyntaxKind.GreaterThanEqualsToken, "greaterOrEqual"],
]);
const EQUALITY = new Map<ts.SyntaxKind, FunctionName>([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "equal"],
  [ts.SyntaxKind.EqualsEqualsToken, "equal"],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "notEqual"],
  [ts.SyntaxKind.ExclamationEqualsToken, "notEqual"],
]);
const LOGIC = new Map<ts.SyntaxKind, FunctionName>([
  [ts.SyntaxKind.AmpersandAmpersandToken, "and"],
  [ts.SyntaxKind.BarBarToken, "or"],
  [ts.SyntaxKind.QuestionQuestionToken, "coalesce"],
]);

function binary(node: ts.BinaryExpression, context: Context): Term | undefined {
  const { kind } = node.operatorToken;
  const operator = ts.tokenToString(kind) ?? node.operatorToken.getText(context.lambda.tree);
  const known = ARITHMETIC.get(kind) ?? COMPARISON.get(kind) ?? EQUALITY.get(kind) ?? LOGIC.get(kind);
  if (!known) {
    const isAssignment = kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
    const way = isAssignment
      ? "Give the new value a name: `const next = …`."
      : (INSTEAD.get(operator) ?? "Write it with the other operators.");
    return unsupported(context, node.operatorToken, `\`${operator}\``, way);
  }
  const [left, right] = [readValue(node.left, context), readValue(node.right, context)];
  if (!left || !right) return undefined;
  if (EQUALITY.has(kind)) return equality(node, known, operator, left, right, context);
  if (LOGIC.has(kind)) return sameType(node.operatorToken, known, operator, left, right, context);
  if (kind === ts.SyntaxKind.PlusToken && [left, right].some(t => t.type === "text")) {
    const [a, b] = [asText(node.left, left, context), asText(node.right, right, context)];
    return a && b && call("concat", a, b);
  }
  const odd = [left, right].findIndex(t => t.type !== "number" && t.type !== "missing");
  if (odd < 0) return call(known, left, right);
  const side = odd === 0 ? left : right;
  const way =
    side.type === "text"
      ? COMPARISON.has(kind)
        ? "Compare texts with `===`, or turn one into a number: `Number(x)`."
        : "Turn it into a number: `Number(x)`."
      : side.type === "flag"
        ? "Write `Number(x)`, or `x ? 1 : 0`."
        : "Take an item of it, `ids[0]`, or its `.length`.";
  return wrongType(context, odd === 0 ? node.left : node.right, `\`${operator}\``, "numbers", describeTerm(side), way);
}

function equality(
  node: ts.BinaryExpression,
  name: FunctionName,
  operator: string,
  left: ValueTerm,
  right: ValueTerm,
  context: Context,
): Term | undefined {
  const other = left.type === "missing" ? right : left;
  if (left.type === "missing" || right.type === "missing") {
    const isList = other.type === "numbers" || other.type === "texts";
    // A list is never missing: where there is none, it is empty.
    const test = isList || other.type === "missing" ? value("flag", { flag: !isList }) : call("isMissing", other);
    return name === "equal" ? test : call("not", test);
  }
  if (left.type === "numbers" || left.type === "texts" || right.type === "numbers" || right.type === "texts")
    return wrongType(
      context,
      node.operatorToken,
      `\`${operator}\``,
      "numbers, texts or true and false",
      "a list",
      "Compare items: `ids[0] === x`, or `.includes(x)`.",
    );
  return sameType(node.operatorToken, name, operator, left, right, context);
}

/** Both sides must have one type: JavaScript would go on with either, and a column cannot. */
function sameType(
  at: ts.Node,
  name: FunctionName,
  operator: string,
  left: ValueTerm,
  right: ValueTerm,
  context: Context,
): ValueTerm | undefined {
  const isList = (t: ValueTerm) => t.type === "numbers" || t.type === "texts";
  if (
    !isList(left) &&
    !isList(right) &&
    (left.type === right.type || left.type === "missing" || right.type === "missing")
  )
    return call(name, left, right);
  return wrongType(
    context,
    at,
    `\`${operator}\``,
    "two values of one type",
    `${describeTerm(left)} and ${describeTerm(right)}`,
    "Turn one into the other's type: `String(x)`, `Number(x)`, `x ? a : b`.",
  );
}

/** A value in a text: numbers as JavaScript prints them. */
export function asText(node: ts.Expression, term: ValueTerm, context: Context): ValueTerm | undefined {
  if (term.type === "text" || term.type === "missing") return term;
  if (term.type === "number") return call("print", term);
  if (term.type === "flag") return call("if", term, value("text", { text: "true" }), value("text", { text: "false" }));
  return wrongType(context, node, "A text", "texts and numbers", describeTerm(term), "Take an item of it: `ids[0]`.");
}

/** A value as a number: `Number(x)`, `+x`. */
export function asNumber(node: ts.Expression, term: ValueTerm, context: Context): ValueTerm | undefined {
  if (term.type === "number" || term.type === "missing") return term;
  if (term.type === "text") return call("parseNumber", term);
  if (term.type === "flag") return call("toNumber", term);
  return wrongType(
    context,
    node,
    "A number",
    "a number, a text or true and false",
    describeTerm(term),
    "Take an item of it: `ids[0]`.",
  );
}

function prefix(node: ts.PrefixUnaryExpression, context: Context): Term | undefined {
  if (node.operator === ts.SyntaxKind.ExclamationToken) return condition(node, context);
  const operator = ts.tokenToString(node.operator) ?? "";
  if (node.operator !== ts.SyntaxKind.MinusToken && node.operator !== ts.SyntaxKind.PlusToken)
    return unsupported(
      context,
      node,
      `\`${operator}\``,
      INSTEAD.get(operator) ?? "Give the new value a name: `const next = x + 1`.",
    );
  const inner = readValue(node.operand, context);
  if (!inner) return undefined;
  if (node.operator === ts.SyntaxKind.PlusToken) return asNumber(node.operand, inner, context);
  if (inner.type !== "number" && inner.type !== "missing")
    return wrongType(
      context,
      node.operand,
      "`-`",
      "a number",
      describeTerm(inner),
      "Turn it into a number: `Number(x)`.",
    );
  return "number" in inner.expression && typeof inner.expression.number === "number" && inner.expression.number !== 0
    ? number(-inner.expression.number)
    : call("negate", inner);
}

function conditional(node: ts.ConditionalExpression, context: Context): Term | undefined {
  const test = condition(node.condition, context);
  const [yes, no] = [readValue(node.whenTrue, context), readValue(node.whenFalse, context)];
  return test && yes && no && choose(node.colonToken, test, yes, no, context);
}

/** `test ? yes : no`, also for `if (test) return yes; return no`. */
export function choose(
  at: ts.Node,
  test: ValueTerm,
  yes: ValueTerm,
  no: ValueTerm,
  context: Context,
): ValueTerm | undefined {
  const checked = sameType(at, "coalesce", "? :", yes, no, context);
  return checked && call("if", test, yes, no);
}

function template(node: ts.TemplateExpression, context: Context): Term | undefined {
  let all: ValueTerm | undefined = node.head.text ? value("text", { text: node.head.text }) : undefined;
  for (const { expression, literal } of node.templateSpans) {
    const inner = readValue(expression, context);
    const text = inner && asText(expression, inner, context);
    if (!text) return undefined;
    all = all ? call("concat", all, text) : call("concat", value("text", { text: "" }), text);
    if (literal.text) all = call("concat", all, value("text", { text: literal.text }));
  }
  return all;
}

function list(node: ts.ArrayLiteralExpression, context: Context): Term | undefined {
  const items: unknown[] = [];
  for (const item of node.elements) {
    const term = readValue(item, context);
    if (!term) return undefined;
    const { expression } = term;
    if ("text" in expression) items.push(expression.text);
    else if ("number" in expression && typeof expression.number === "number") items.push(expression.number);
    else return unsupported(context, item, "A list of computed values", "Compare one by one: `x === a || x === b`.");
  }
  return (
    listOf(items) ?? unsupported(context, node, "An empty list, or one of mixed types,", "Write numbers or texts.")
  );
}

function identifier(node: ts.Identifier, context: Context): Term | undefined {
  const name = node.text;
  const bound = context.names.get(name);
  if (bound) return bound;
  if (name === "undefined" || name === "NaN") return MISSING;
  if (name === "Infinity") return number(Number.POSITIVE_INFINITY);
  const captured = Object.hasOwn(context.captured, name) ? context.captured[name] : undefined;
  if (captured && "value" in captured) return constant(captured.value);
  if (captured)
    return unsupported(
      context,
      node,
      `\`${name}\`, which is ${captured.seen},`,
      captured.seen.startsWith("not there yet")
        ? "Declare it above: the function is read when the operator is made."
        : "Use numbers, texts, lists and records of these: they are written into the plan.",
    );
  const known = [...context.names.keys(), ...Object.keys(context.captured)];
  return context.fail(
    rangeOf(context, node),
    messages.lambdaUnknownName({ name, known: listNames(known), suggestion: didYouMean(name, known) }),
  );
}

function property(node: ts.PropertyAccessExpression, context: Context): Term | undefined {
  const spelled = node.getText(context.lambda.tree);
  const fixed = CONSTANTS.get(spelled);
  if (fixed !== undefined) return number(fixed);
  const object = translate(node.expression, context);
  return object && member(node.name, object, node.name.text, context);
}

/** `object.name`, for a row, a record or a list. */
function member(at: ts.Node, object: Term, name: string, context: Context): Term | undefined {
  if (object.kind === "row") {
    const known = [...object.columns.keys()];
    return (
      object.columns.get(name) ??
      context.fail(
        rangeOf(context, at),
        messages.schemaColumnMissing({
          reader: "The function",
          column: name,
          columns: listNames(known),
          suggestion: didYouMean(name, known),
          way: "Use a column that the node has, or make it before.",
        }),
      )
    );
  }
  if (object.kind === "constant" && !(Array.isArray(object.value) && name === "length")) {
    if (Object.hasOwn(object.value, name)) return constant((object.value as Record<string, unknown>)[name]);
    return unsupported(context, at, `\`${name}\``, `The record has ${listNames(Object.keys(object.value))}.`);
  }
  if (name === "length") {
    if (object.kind === "constant") return number((object.value as readonly unknown[]).length);
    if (object.kind === "value" && object.type === "text") return call("textLength", object);
    if (object.kind === "value" && object.type === "texts") return call("textsLength", object);
    if (object.kind === "value" && object.type === "numbers") return call("numbersLength", object);
  }
  return unsupported(
    context,
    at,
    `\`.${name}\` of ${describeTerm(object)}`,
    INSTEAD.get(name) ?? "Call a method, as in `.toLowerCase()`, or read `.length`.",
  );
}

function element(node: ts.ElementAccessExpression, context: Context): Term | undefined {
  const object = translate(node.expression, context);
  if (!object) return undefined;
  const key = node.argumentExpression;
  if (ts.isStringLiteralLike(key)) return member(key, object, key.text, context);
  if (object.kind === "constant" && ts.isNumericLiteral(key))
    return constant((object.value as readonly unknown[])[Number(key.text)]);
  if (object.kind === "constant" && !Array.isArray(object.value))
    return unsupported(
      context,
      key,
      "A computed member of a record",
      'Decide with conditions: `brand === "acme" ? RATES.acme : RATES.other`.',
    );
  const [items, place] = [readValue(node.expression, context), readValue(key, context)];
  return items && place && itemAt(node, items, place, "[]", context);
}

/** `list[i]`, where a negative place has nothing, and `list.at(i)`, where it counts from the end. */
export function itemAt(
  node: ts.Expression,
  items: ValueTerm,
  place: ValueTerm,
  form: "[]" | "at",
  context: Context,
): ValueTerm | undefined {
  const name = ({ numbers: "numberAt", texts: "textsAt", text: "textAt" } as const)[items.type as "text"];
  if (!name)
    return wrongType(
      context,
      node,
      form === "at" ? "`.at()`" : "`[]`",
      "a list or a text",
      describeTerm(items),
      "Index a list or a text.",
    );
  if (place.type !== "number" && place.type !== "missing")
    return wrongType(
      context,
      node,
      form === "at" ? "`.at()`" : "`[]`",
      "a number as the place",
      describeTerm(place),
      "Turn it into a number: `Number(x)`.",
    );
  const literal = "number" in place.expression ? place.expression.number : undefined;
  if (typeof literal === "number" && Number.isInteger(literal) && (form === "at" || literal >= 0))
    return call(name, items, place);
  if (form === "at") return call(name, items, call("trunc", call("coalesce", place, number(0))));
  return call("if", call("less", place, number(0)), MISSING, call(name, items, place));
}

function describeSyntax(node: ts.Expression): readonly [what: string, way: string] {
  if (ts.isRegularExpressionLiteral(node))
    return ["A regular expression", "Use `.includes(...)`, `.startsWith(...)` or `.endsWith(...)`."];
  if (ts.isBigIntLiteral(node)) return ["A bigint", "Write the number without `n`: integers are exact up to 2^53."];
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return ["A function inside", "Give a value a name: `const ratio = price / list_price;`."];
  if (ts.isObjectLiteralExpression(node))
    return ["A record", "Return one value; make several columns with several `lambdaOp`s."];
  if (ts.isAwaitExpression(node))
    return ["`await`", "A function only computes: bring what it waits for in as a column."];
  if (ts.isTypeOfExpression(node)) return ["`typeof`", "Columns have types: test for nothing with `x == null`."];
  if (ts.isPostfixUnaryExpression(node)) return ["`++` and `--`", "Give the new value a name: `const next = x + 1`."];
  if (ts.isSpreadElement(node)) return ["`...`", "Name each value."];
  return [
    `This syntax (${ts.SyntaxKind[node.kind]})`,
    "Write it with operators, conditions, `Math` and the methods of texts and lists.",
  ];
}

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;
