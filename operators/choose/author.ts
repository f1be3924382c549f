/** One of two branches, row by row. */
import { z } from "zod";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { datatype } from "../../triton-protos/datatype.js";
import { describeRows, needOne, sameRows } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import { twins } from "../shared/author/twins.js";

export interface Branches<T extends AnyNode = AnyNode> {
  /** For rows where the condition holds. */
  readonly yes: T;
  /** For the other rows, and those where the condition is null: columns of the same names and types. */
  readonly no: AnyNode;
}

interface ChooseRule<S extends string> extends Rule {
  readonly fault: NotOne<"choose", this["S"]>;
  readonly out: S;
}

/**
 * Takes the columns of one of two branches for each row. The left operand is the condition, a bool or integer column (0 is false). Branches
 * are candidates of the condition's rows, or columns of these rows. A branch that no row of a request takes is not run; where rows differ,
 * both run. A fault of a row in the branch that it does not take is ignored: the rows of such a request run one by one.
 * @param branches.yes node for the rows where the condition holds
 * @param branches.no node with columns of the same names and types, for the other rows
 * @example user["is_new"] >> choose({ yes: popular["candidate_ids"], no: personal["candidate_ids"] })
 */
export const choose = <T extends AnyNode>({ yes, no, ...options }: Branches<T>): Op<ChooseRule<ColumnsOfNode<T>>> =>
  new Op("choose", options, { yes, no });

const WAY = "Give both branches columns of the same names and types, with `rename` or `[]`.";

export const chooseOp = defineOp({
  kind: "choose",
  params: z.strictObject({}),
  infer: call => {
    const condition = needOne(call, call.input, "`choose`", "choose(...)");
    if (!condition) return undefined;
    const { column } = condition;
    if (column.list || !["bool", "int"].includes(datatype(column.dtype).kind))
      return call.refuseType(
        column,
        "one bool or integer per row",
        'Make a condition first: `lambdaOp(age => age < 18, { name: "is_minor" })`.',
        "left",
      );
    const yes = call.dependency("yes");
    const no = twins(call, yes, { port: "no", reader: "`no`" }, WAY);
    if (!no || !sameRows(call, yes, "`yes`") || !sameRows(call, no, "`no`")) return undefined;
    const [rows, otherRows] = [yes[0]!.column.rows, no[0]!.column.rows];
    const parent = call.parentRows(rows);
    const fits =
      parent === undefined || rows === column.rows
        ? rows === column.rows && otherRows === rows
        : parent === column.rows && call.parentRows(otherRows) === parent;
    if (!fits)
      return call.refuse(
        `the condition has one row per ${describeRows(column.rows)}, \`yes\` one per ${describeRows(rows)}, and \`no\` one per ${describeRows(otherRows)}.`,
        "Give it candidates of the condition's rows on both sides, or columns of these rows on both.",
        { dependency: "yes" },
      );
    const makesRows = rows !== column.rows;
    return {
      params: {},
      inputs: { input: [condition], yes, no },
      outputs: yes.map(bound => ({ ...bound.column, ...(makesRows && { rows: call.id }) })),
      ...(makesRows && { madeRows: { parent: column.rows } }),
    };
  },
});
