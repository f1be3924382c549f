/**
 * The body of a user's function → one value: an expression, or `const`s and `if`s that end in `return`.
 */

import { type Expression, partsOf } from "../../contract/expression.js";
import * as ts from "../checker/syntax.js";
import * as messages from "../diagnostics/messages.js";
import { type Context, isSpent, rangeOf, unsupported } from "./context.js";
import { integerTerm } from "./integers.js";
import { choose, condition } from "./operators.js";
import { readValue } from "./read-value.js";
import { MISSING, type Term, value } from "./term.js";
import { translate } from "./translate.js";
import type { ValueTerm } from "./value-term.js";

export function translateBody(context: Context): ValueTerm | undefined {
  const { body } = context.lambda;
  return ts.isBlock(body) ? statements(body.statements, body, context) : readValue(body, context);
}

function statements(list: readonly ts.Statement[], block: ts.Node, context: Context): ValueTerm | undefined {
  if (isSpent(block, context)) return undefined;
  const [first, ...rest] = list;
  if (!first)
    return unsupported(
      context,
      block,
      "A way through the function without `return`",
      "End each way with `return`; for nothing, `return undefined`.",
    );
  if (ts.isReturnStatement(first)) return first.expression ? readValue(first.expression, context) : MISSING;
  if (ts.isEmptyStatement(first)) return statements(rest, block, context);
  if (ts.isBlock(first)) return statements([...first.statements, ...rest], block, context);
  if (ts.isIfStatement(first)) return choice(first, rest, block, context);
  if (ts.isVariableStatement(first)) return declare(first, rest, block, context);
  if (ts.isExpressionStatement(first))
    return (
      readValue(first.expression, context) &&
      unsupported(context, first, "An unused value", "Give it a name, `const x = …`, or return it.")
    );
  const token = first.getFirstToken(context.lambda.tree) ?? first;
  const keyword = token.getText(context.lambda.tree);
  const way =
    ts.isForStatement(first) || ts.isForOfStatement(first) || ts.isWhileStatement(first)
      ? "A function sees one row: use `.length`, `[i]`, `.includes(x)`, or a column of its own for each value."
      : "Use `const`, `if` and `return`.";
  return unsupported(context, token, `\`${keyword}\``, way);
}

function choice(node: ts.IfStatement, rest: readonly ts.Statement[], block: ts.Node, context: Context) {
  const test = condition(node.expression, context);
  const branch = (of: ts.Statement): readonly ts.Statement[] => (ts.isBlock(of) ? of.statements : [of]);
  // The statements after an `if` belong to each branch that does not return before.
  const yes = statements(
    [...branch(node.thenStatement), ...tail(node.thenStatement, rest)],
    node.thenStatement,
    context,
  );
  const no = node.elseStatement
    ? statements([...branch(node.elseStatement), ...tail(node.elseStatement, rest)], node.elseStatement, context)
    : statements(rest, block, context);
  return test && yes && no && choose(node.expression, test, yes, no, context);
}

const tail = (branch: ts.Statement, rest: readonly ts.Statement[]): readonly ts.Statement[] =>
  returns(branch) ? [] : rest;

function returns(statement: ts.Statement): boolean {
  if (ts.isReturnStatement(statement)) return true;
  if (ts.isBlock(statement)) return statement.statements.some(returns);
  if (!ts.isIfStatement(statement)) return false;
  return returns(statement.thenStatement) && !!statement.elseStatement && returns(statement.elseStatement);
}

function declare(
  node: ts.VariableStatement,
  rest: readonly ts.Statement[],
  block: ts.Node,
  context: Context,
): ValueTerm | undefined {
  if (!(node.declarationList.flags & ts.NodeFlags.Const))
    return unsupported(context, node, "A variable that may change", "Write `const`, with a new name for each value.");
  const bound: Binding[] = [];
  let names = context.names;
  for (const declaration of node.declarationList.declarations) {
    if (!ts.isIdentifier(declaration.name) || !declaration.initializer)
      return unsupported(context, declaration, "A pattern", "Give each value a name: `const first = ids[0];`.");
    const term = translate(declaration.initializer, { ...context, names });
    if (!term) return undefined;
    let local: Term = term;
    if (term.kind === "value") {
      const made = bind(declaration.name.text, term, context.taken);
      bound.push(...made.bindings);
      local = made.local;
    }
    names = new Map([...names, [declaration.name.text, local]]);
  }
  const within = statements(rest, block, { ...context, names });
  return within && bound.reduceRight<ValueTerm>((inner, binding) => around(inner, binding), within);
}

interface Binding {
  readonly name: string;
  readonly be: Expression;
  /** Left out where the name is not used: a flexible number has two forms, and few functions use both. */
  readonly optional: boolean;
}

/** A value under a name, and its binding. */
function bind(
  name: string,
  { type, expression, integer, quotient }: ValueTerm,
  taken: Set<string>,
): { readonly local: ValueTerm; readonly bindings: readonly Binding[] } {
  const plain = fresh(name, taken);
  if (!integer) {
    const local = { ...value(type, { local: plain }), ...(quotient && { quotient }) };
    return { local, bindings: [{ name: plain, be: expression, optional: false }] };
  }
  if (type === "number" && !integer.flexible)
    return {
      local: integerTerm({ local: plain }),
      bindings: [{ name: plain, be: integer.expression, optional: false }],
    };
  const whole = fresh(name, taken);
  return {
    local: {
      ...value(type, { local: plain }),
      integer: { expression: { local: whole }, flexible: integer.flexible },
    },
    bindings: [
      { name: plain, be: expression, optional: true },
      { name: whole, be: integer.expression, optional: true },
    ],
  };
}

function around(inner: ValueTerm, { name, be, optional }: Binding): ValueTerm {
  const wrap = (expression: Expression): Expression =>
    optional && !usesLocal(expression, name) ? expression : { let: name, be, in: expression };
  const { integer, quotient } = inner;
  return {
    ...value(inner.type, wrap(inner.expression)),
    ...(integer && { integer: { ...integer, expression: wrap(integer.expression) } }),
    ...(quotient && { quotient: quotient.map(wrap) }),
  };
}

const usesLocal = (at: Expression, name: string): boolean =>
  "local" in at ? at.local === name : partsOf(at).some(part => usesLocal(part, name));

function fresh(name: string, taken: Set<string>): string {
  let made = name;
  for (let n = 2; taken.has(made); n++) made = `${name}#${n}`;
  taken.add(made);
  return made;
}

/** Reports a function whose value is not a column. */
export function needScalar(term: ValueTerm, context: Context): ValueTerm | undefined {
  if (term.type === "numbers" || term.type === "texts")
    return context.fail(
      rangeOf(context, context.lambda.body),
      messages.lambdaType({
        operator: "A function",
        wanted: "one value for a row",
        seen: "a list",
        way: "Return an item, `ids[0]`, or `.length`.",
      }),
    );
  return term;
}
