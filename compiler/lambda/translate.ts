/**
 * The syntax of a user's function → an expression. Everything that is not understood is reported at its very token, with the nearest
 * thing that works; nothing is run.
 */
import * as ts from "../checker/syntax.js";
import { listNames } from "../diagnostics/diagnostic.js";
import { suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import { translateCall } from "./calls.js";
import { type Context, isSpent, rangeOf, unsupported } from "./context.js";
import { element, property } from "./members.js";
import { asText, bigintLiteral, binary, conditional, prefix } from "./operators.js";
import { readValue } from "./read-value.js";
import { call, constant, listOf, MISSING, number, type Term, value } from "./term.js";
import type { ValueTerm } from "./value-term.js";

export function translate(node: ts.Expression, context: Context): Term | undefined {
  if (isSpent(node, context)) return undefined;
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node)) return translate(node.expression, context);
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return translate(node.expression, context);
  if (ts.isNumericLiteral(node)) return numericLiteral(node, context);
  if (ts.isBigIntLiteral(node)) return bigintLiteral(node, node, context);
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

/** A literal of digits alone means the integer that it spells, so one that a double rounds is an error. */
function numericLiteral(node: ts.NumericLiteral, context: Context): Term | undefined {
  const digits = node.getText(context.lambda.tree).replaceAll("_", "");
  const n = Number(node.text);
  if (!/^[0-9]{16,20}$/.test(digits) || BigInt(digits) === BigInt(n)) return number(n);
  return unsupported(context, node, `\`${digits}\`, which JavaScript rounds to ${BigInt(n)},`, `Write \`${digits}n\`.`);
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
    const exact = term.integer?.expression;
    if ("text" in expression) items.push(expression.text);
    else if (exact && "integer" in exact && !term.integer.flexible) items.push(BigInt(exact.integer));
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
    messages.lambdaUnknownName({ name, known: listNames(known), suggestion: suggest(name, known) }),
  );
}

function describeSyntax(node: ts.Expression): readonly [what: string, way: string] {
  if (ts.isRegularExpressionLiteral(node))
    return ["A regular expression", "Use `.includes(...)`, `.startsWith(...)` or `.endsWith(...)`."];
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
