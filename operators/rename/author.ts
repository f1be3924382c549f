/** Gives columns other names. */
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { Renamed } from "../../compiler/dsl/column.js";
import { type LambdaReference, lambdaReference } from "../../compiler/dsl/lambda.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { value } from "../../compiler/lambda/term.js";
import { evaluateExpression } from "../../contract/evaluate-expression.js";
import type { OpParams, OpParamsInput } from "../../contract/op-params.js";
import { lambdaSchema } from "../lambda-op/author.js";
import type { Scope } from "../shared/author/bound.js";
import { type Call, defineOp, type Inferred } from "../shared/author/define-op.js";

interface RenameRule<Name extends string, Prefix extends string, Postfix extends string> extends Rule {
  readonly fault: Name extends "" ? never : NotOne<"rename", this["S"]>;
  readonly out: string extends this["S"]
    ? string
    : Name extends ""
      ? Renamed<this["S"], Prefix, Postfix>
      : this["S"] extends `${infer T} ${string}`
        ? `${T} ${Name}`
        : never;
}

/**
 * Renames: a single column by `name`, any number by `prefix` or `postfix`, or by a function of the name. The function is read, not run:
 * methods of texts, templates and conditions work.
 * @example user["user_id"] >> rename({ name: "customer" })
 * @example events >> rename(name => name.replace("_raw", ""))
 */
export function rename(to: (name: string) => string): Op<OpenRule>;
export function rename<const P extends { readonly name?: string; readonly prefix?: string; readonly postfix?: string }>(
  to: P,
): Op<
  RenameRule<
    P["name"] extends string ? P["name"] : "",
    P["prefix"] extends string ? P["prefix"] : "",
    P["postfix"] extends string ? P["postfix"] : ""
  >
>;
export function rename(to: OpParamsInput["rename"] | ((name: string) => string)): Op<OpenRule> {
  return new Op("rename", typeof to === "function" ? { lambda: lambdaReference(to) } : to);
}

const names = {
  name: z.string().min(1).optional(),
  prefix: z.string().optional(),
  postfix: z.string().optional(),
};

export const renameOp = defineOp({
  kind: "rename",
  params: z
    .strictObject({ ...names, lambda: lambdaSchema.optional() })
    .refine(
      p => Object.values(p).some(value => value !== undefined),
      "needs a `name`, a `prefix`, a `postfix`, or a function of the name",
    )
    .refine(
      p => p.name === undefined || (p.prefix === undefined && p.postfix === undefined),
      "takes a `name`, or a `prefix` and `postfix`, not both",
    ),
  infer: call => {
    const { name, prefix = "", postfix = "", lambda } = call.params;
    if (lambda) return renameByFunction(call, lambda);
    if (name !== undefined && call.input.length !== 1)
      call.fail(
        messages.schemaOneColumn({
          reader: "`rename` with a `name`",
          count: call.input.length,
          columns: call.input.map(b => b.column.name).join(", "),
          way: `Pick the one: \`node["${call.input[0]?.column.name ?? "column"}"] >> rename({ name: ${JSON.stringify(name)} })\`.`,
        }),
        "left",
      );
    return give(call.input, call.params, column => name ?? `${prefix}${column}${postfix}`);
  },
});

const give = (input: Scope, params: OpParams["rename"], nameOf: (column: string) => string): Inferred<"rename"> => ({
  params,
  inputs: { input },
  outputs: input.map(({ column }) => ({ ...column, name: nameOf(column.name) })),
});

/** The function is compiled like any other, and evaluated on the names there are. */
function renameByFunction(call: Call<unknown>, reference: LambdaReference): Inferred<"rename"> | undefined {
  const lambda = call.readFunction(reference, "rename");
  const compiled = lambda?.compile(name => value("text", { column: name.local }));
  const parameter = lambda?.parameters[0]?.names[0]?.local ?? "";
  if (!lambda || !compiled) return undefined;
  const made = new Map<string, string>();
  for (const { column } of call.input) {
    const name = evaluateExpression(compiled.expression, new Map([[parameter, column.name]]));
    if (typeof name !== "string" || name === "")
      return call.fail(
        messages.lambdaType({
          operator: "`rename`",
          wanted: "a new name for each column",
          seen: `${typeof name === "string" ? "an empty text" : String(name)} for \`${column.name}\``,
          way: "Return a text that is not empty: `` name => `${name}_raw` ``.",
        }),
        { at: { file: lambda.file, ...lambda.range } },
      );
    made.set(column.name, name);
  }
  return give(call.input, { names: Object.fromEntries(made) }, column => made.get(column)!);
}
