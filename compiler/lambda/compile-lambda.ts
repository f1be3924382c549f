/**
 * A user's function and the values of its parameters → its expression. Faults go to the operator's call, at the token.
 */

import { sizeOf } from "../../contract/expression.js";
import type { Fail } from "../../operators/shared/author/define-op.js";
import type { Range } from "../1-rewrite/spans.js";
import type * as ts from "../checker/syntax.js";
import type { Message } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { LambdaReference } from "../dsl/lambda.js";
import type { Context } from "./context.js";
import type { ParameterName } from "./parameter.js";
import { type Lambda, type LambdaText, readLambda } from "./read-lambda.js";
import { readValue } from "./read-value.js";
import { call as callOf, type Term } from "./term.js";
import { translate } from "./translate.js";
import { needScalar, translateBody } from "./translate-body.js";
import type { CompiledFunction, UserFunction } from "./user-function.js";

const MOST_PARTS = 2_000;
const MOST_DEPTH = 200;

/** Reads a function. One that the rewriter did not see, or that has parts of no meaning here, is reported. */
export function userFunction(
  text: LambdaText | undefined,
  captured: LambdaReference["captured"],
  operator: string,
  report: Fail,
): UserFunction | undefined {
  if (!text) return report(messages.lambdaUnread({ operator }));
  const lambda = readLambda(text);
  if ("what" in lambda)
    return fail(report, text.file, lambda.range, messages.lambdaUnsupported({ what: lambda.what, way: lambda.way }));
  const { parameters, source, file, range } = lambda;
  return { parameters, source, file, range, compile: bind => compileLambda(lambda, captured, bind, report) };
}

function compileLambda(
  lambda: Lambda,
  captured: LambdaReference["captured"],
  bind: (name: ParameterName) => Term | undefined,
  report: Fail,
): CompiledFunction | undefined {
  const names = new Map<string, Term>();
  const context: Context = {
    lambda,
    names,
    captured,
    taken: new Set(),
    budget: { left: MOST_PARTS * 2 },
    fail: (range, message) => fail(report, lambda.file, range, message),
    translate,
  };
  for (const parameter of lambda.parameters)
    for (const name of parameter.names) {
      const term = bind(name);
      if (!term) return undefined;
      const bound = withDefault(term, name, context);
      if (!bound) return undefined;
      names.set(name.local, bound);
    }
  const found = translateBody(context);
  const scalar = found && needScalar(found, context);
  if (!scalar) return undefined;
  const { integer } = scalar;
  const { expression, type }: CompiledFunction =
    integer && !integer.flexible ? { expression: integer.expression, type: "integer" } : scalar;
  const { parts, depth } = sizeOf(expression);
  if (parts > MOST_PARTS || depth > MOST_DEPTH)
    return fail(
      report,
      lambda.file,
      lambda.range,
      messages.lambdaUnsupported({
        what: `A function of ${parts} parts, ${depth} deep,`,
        way: "Make a column of a part of it, with a `lambdaOp` of its own.",
      }),
    );
  return { expression, type };
}

/** `(price = 0) => …`: JavaScript's default for a missing value. */
function withDefault(term: Term, { otherwise }: ParameterName<ts.Expression>, context: Context): Term | undefined {
  if (!otherwise || term.kind !== "value") return term;
  const fallback = readValue(otherwise, context);
  if (!fallback) return undefined;
  if (fallback.type === term.type) return callOf("coalesce", term, fallback);
  return context.fail(
    { start: otherwise.getStart(context.lambda.tree), end: otherwise.end },
    messages.lambdaType({
      operator: "A default",
      wanted: `the column's type, ${term.type}`,
      seen: fallback.type,
      way: "Give a value of that type.",
    }),
  );
}

const fail = (report: Fail, file: string, { start, end }: Range, message: Message): undefined =>
  report(message, { at: { file, start, end } });
