/**
 * Calls in a user's function → functions of expressions: `Math`, `Number`, `String`, methods of texts, lists and dates.
 */

import { type FunctionName, functionRow, type ValueType } from "../../contract/expression-functions.js";
import * as ts from "../checker/syntax.js";
import { didYouMean } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import { type Context, rangeOf, unsupported } from "./context.js";
import { DATE_METHODS, GLOBALS, INSTEAD, MATH, TEXT_METHODS } from "./javascript-names.js";
import { itemAt } from "./members.js";
import { asNumber, asText, condition } from "./operators.js";
import { readValue } from "./read-value.js";
import { call, describeTerm, describeType, listOf, MISSING, number, type Term, value } from "./term.js";
import type { ValueTerm } from "./value-term.js";

export function translateCall(node: ts.CallExpression | ts.NewExpression, context: Context): Term | undefined {
  const callee = node.expression;
  const args = node.arguments ?? ([] as unknown as ts.NodeArray<ts.Expression>);
  const spread = args.find(ts.isSpreadElement);
  if (spread) return unsupported(context, spread, "`...`", "Name each value.");
  const spelled = callee.getText(context.lambda.tree).replace("?.", ".");
  if (ts.isNewExpression(node)) return newDate(node, spelled, args, context);
  const instead = INSTEAD.get(spelled);
  if (instead && (spelled.includes(".") || !context.names.has(spelled)))
    return unsupported(context, callee, `\`${spelled}\``, instead);
  if (ts.isIdentifier(callee)) return globalCall(node, callee, args, context);
  if (!ts.isPropertyAccessExpression(callee))
    return unsupported(
      context,
      callee,
      "Calling this",
      "Call a function of `Math`, or a method of a text, list or date.",
    );
  const { name } = callee;
  if (ts.isIdentifier(callee.expression) && callee.expression.text === "Math" && !context.names.has("Math")) {
    const known = MATH.get(name.text);
    if (known) return apply(node, known, `Math.${name.text}`, args, context);
    return unsupported(
      context,
      name,
      `\`Math.${name.text}\``,
      `There is no such function here.${didYouMean(name.text, MATH.keys())}`,
    );
  }
  const global = GLOBALS.get(spelled);
  if (global) return apply(node, global, spelled, args, context);
  const object = context.translate(callee.expression, context);
  return object && method(node, name, object, args, context);
}

function globalCall(
  node: ts.CallExpression,
  callee: ts.Identifier,
  args: ts.NodeArray<ts.Expression>,
  context: Context,
): Term | undefined {
  const known = GLOBALS.get(callee.text);
  if (known) return apply(node, known, callee.text, args, context);
  const [only] = args;
  if (["Number", "String", "Boolean"].includes(callee.text) && only && args.length === 1) {
    if (callee.text === "Boolean") return condition(only, context);
    const inner = readValue(only, context);
    if (!inner) return undefined;
    if (callee.text === "String") return asText(only, inner, context);
    const made = asNumber(only, inner, context);
    // `Number(id)` is a double, whatever it was.
    return made?.type === "number" && inner.type === "number" ? value("number", made.expression) : made;
  }
  return unsupported(
    context,
    callee,
    `Calling \`${callee.text}\``,
    "Write what it does in place: functions are read, not called. `Number`, `String`, `Boolean`, `isNaN` and `Math` work.",
  );
}

function newDate(
  node: ts.NewExpression,
  spelled: string,
  args: ts.NodeArray<ts.Expression>,
  context: Context,
): Term | undefined {
  if (spelled !== "Date")
    return unsupported(context, node, `\`new ${spelled}\``, "Only `new Date(milliseconds)` can be made here.");
  const [only] = args;
  if (!only)
    return unsupported(
      context,
      node,
      "`new Date()`",
      "The answer would change with the clock: bring the time in as a column.",
    );
  if (args.length > 1)
    return unsupported(
      context,
      node,
      "`new Date(year, month, …)`",
      "Give it milliseconds: `new Date(event_time * 1000)`.",
    );
  const time = readValue(only, context);
  if (!time) return undefined;
  if (time.type === "number" || time.type === "missing")
    return { kind: "date", milliseconds: call("dateTime", time).expression };
  return typeFault(
    node,
    "new Date",
    "milliseconds since 1970",
    describeTerm(time),
    "Keep times as numbers: `new Date(event_time * 1000)`.",
    context,
  );
}

function method(
  node: ts.CallExpression,
  name: ts.MemberName,
  object: Term,
  args: ts.NodeArray<ts.Expression>,
  context: Context,
): Term | undefined {
  if (object.kind === "date") {
    const part = DATE_METHODS.get(name.text);
    const of: ValueTerm = value("number", object.milliseconds);
    if (part && args.length === 0) return call(part, of);
    return unsupported(
      context,
      name,
      `\`.${name.text}()\` of a date`,
      INSTEAD.get(name.text) ?? `Use one of its parts.${didYouMean(name.text, DATE_METHODS.keys())}`,
    );
  }
  const term = object.kind === "constant" && Array.isArray(object.value) ? listOf(object.value) : object;
  if (term?.kind === "value") {
    const found = valueMethod(node, name.text, term, args, context);
    if (found !== "none") return found;
  }
  const shown = term ? describeTerm(term) : "an empty list, or one of mixed types,";
  const near = term?.kind === "value" && term.type === "text" ? didYouMean(name.text, TEXT_METHODS.keys()) : "";
  return unsupported(
    context,
    name,
    `\`.${name.text}()\` of ${shown}`,
    INSTEAD.get(name.text) ?? `It has no such method here.${near}`,
  );
}

function valueMethod(
  node: ts.CallExpression,
  name: string,
  object: ValueTerm,
  args: ts.NodeArray<ts.Expression>,
  context: Context,
): Term | "none" | undefined {
  const isList = object.type === "numbers" || object.type === "texts";
  if (name === "at" && (isList || object.type === "text")) {
    const place = args[0] ? readValue(args[0], context) : number(0);
    return place && itemAt(node, object, place, "at", context);
  }
  if (isList && name === "includes")
    return apply(node, object.type === "texts" ? "textsInclude" : "numbersInclude", ".includes", args, context, object);
  const known = object.type === "text" ? TEXT_METHODS.get(name) : undefined;
  if (known) return apply(node, known, `.${name}`, args, context, object);
  // A missing literal has no methods, and JavaScript would stop there.
  return object.type === "missing" ? MISSING : "none";
}

/** A call with its arguments checked against the table. */
function apply(
  node: ts.CallExpression,
  name: FunctionName,
  spelled: string,
  args: ts.NodeArray<ts.Expression>,
  context: Context,
  self?: ValueTerm,
): ValueTerm | undefined {
  const row = functionRow(name);
  const given = args.map(arg => readValue(arg, context));
  if (given.some(arg => !arg)) return undefined;
  const all = [...(self ? [self] : []), ...(given as ValueTerm[])];
  const before = self ? 1 : 0;
  const [fewest, most] = [row.args.length - row.optional, row.rest ? Number.POSITIVE_INFINITY : row.args.length];
  if (all.length < fewest || all.length > most) {
    const wanted = `${fewest - before}${row.rest ? " or more" : fewest === most ? "" : ` to ${most - before}`} argument${fewest - before === 1 && fewest === most ? "" : "s"}`;
    return typeFault(node, spelled, wanted, String(args.length), "Give it as many as that.", context);
  }
  for (const [i, arg] of given.entries()) {
    const wanted = row.args[Math.min(i + before, row.args.length - 1)]!;
    const seen = arg!.type;
    const isList = seen === "numbers" || seen === "texts";
    if (wanted === "scalar" || wanted === "same" ? !isList : seen === wanted || seen === "missing") continue;
    const way =
      wanted === "number"
        ? "Turn it into a number: `Number(x)`."
        : wanted === "text"
          ? "Turn it into a text: `String(x)`."
          : "Give it one value.";
    const need = wanted === "scalar" || wanted === "same" ? "one value" : describeType(wanted as ValueType);
    return typeFault(args[i]!, spelled, need, describeTerm(arg!), way, context);
  }
  return call(name, ...all);
}

const typeFault = (
  at: ts.Node,
  operator: string,
  wanted: string,
  seen: string,
  way: string,
  context: Context,
): undefined =>
  context.fail(rangeOf(context, at), messages.lambdaType({ operator: `\`${operator}\``, wanted, seen, way }));
