/**
 * Members in a user's function: columns of a row, entries of a record or list of the file, items of a list or text.
 */
import * as ts from "../checker/syntax.js";
import { listNames } from "../diagnostics/diagnostic.js";
import { suggest } from "../diagnostics/fixes.js";
import * as messages from "../diagnostics/messages.js";
import { type Context, rangeOf, unsupported, wrongType } from "./context.js";
import { CONSTANTS, INSTEAD } from "./javascript-names.js";
import { readValue } from "./read-value.js";
import { call, constant, describeTerm, MISSING, number, type Term } from "./term.js";
import type { ValueTerm } from "./value-term.js";

export function property(node: ts.PropertyAccessExpression, context: Context): Term | undefined {
  const spelled = node.getText(context.lambda.tree);
  const fixed = CONSTANTS.get(spelled);
  if (fixed !== undefined) return number(fixed);
  const object = context.translate(node.expression, context);
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
          suggestion: suggest(name, known),
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

export function element(node: ts.ElementAccessExpression, context: Context): Term | undefined {
  const object = context.translate(node.expression, context);
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
