/**
 * Operators in a user's function → functions of expressions: arithmetic, comparison, logic and conditions, with JavaScript's meaning.
 */

import type { FunctionName } from "../../contract/expression-functions.js";
import * as ts from "../checker/syntax.js";
import { type Context, unsupported, wrongType } from "./context.js";
import { INSTEAD } from "./javascript-names.js";
import { readValue } from "./read-value.js";
import { bigint, call, describeTerm, number, type Term, value } from "./term.js";
import type { ValueTerm } from "./value-term.js";

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

export function binary(node: ts.BinaryExpression, context: Context): Term | undefined {
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

export function prefix(node: ts.PrefixUnaryExpression, context: Context): Term | undefined {
  if (node.operator === ts.SyntaxKind.ExclamationToken) return condition(node, context);
  const operator = ts.tokenToString(node.operator) ?? "";
  if (node.operator !== ts.SyntaxKind.MinusToken && node.operator !== ts.SyntaxKind.PlusToken)
    return unsupported(
      context,
      node,
      `\`${operator}\``,
      INSTEAD.get(operator) ?? "Give the new value a name: `const next = x + 1`.",
    );
  if (node.operator === ts.SyntaxKind.MinusToken && ts.isBigIntLiteral(node.operand))
    return bigintLiteral(node.operand, node, context);
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
  const fixed = inner.integer?.flexible === false;
  return !fixed &&
    "number" in inner.expression &&
    typeof inner.expression.number === "number" &&
    inner.expression.number !== 0
    ? number(-inner.expression.number)
    : call("negate", inner);
}

/** `123n`, or `-123n` if the whole is a minus before one. */
export function bigintLiteral(
  literal: ts.BigIntLiteral,
  whole: ts.Expression,
  context: Context,
): ValueTerm | undefined {
  // Digits of any base, without separators and with `n` behind them.
  const size = BigInt(literal.text.slice(0, -1));
  const found = bigint(whole === literal ? size : -size);
  return (
    found ?? unsupported(context, whole, "A bigint of more than 64 bits", "Columns have integers of 64 bits or fewer.")
  );
}

export function conditional(node: ts.ConditionalExpression, context: Context): Term | undefined {
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
