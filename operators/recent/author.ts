/** The last items of a session as candidates. */
import type { ColumnType } from "../../compiler/dsl/column.js";
import { type AnyNode, Op } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { NotOne } from "../../compiler/dsl/wanted.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { needOne, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp } from "../shared/author/define-op.js";

interface Options {
  /** Most candidates of a row. @default 10 */
  readonly count?: number;
  /** Seconds before `now`: older items are left out. Needs `times` and `now`. */
  readonly within?: number;
  /** Lists of numbers beside the items, in seconds. The largest is the latest, and the later place of equal ones. */
  readonly times?: AnyNode;
  /** One number per row, in the unit of `times`. */
  readonly now?: AnyNode;
  /** Name of the column it makes. @default "candidate_ids" */
  readonly name?: string;
}

interface RecentRule<O> extends Rule {
  readonly fault: NotOne<"recent", this["S"]>;
  readonly out: this["S"] extends
    | `list<${infer T extends ColumnType}> ${string}`
    | `${infer T extends ColumnType}[${number}] ${string}`
    ? `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
    : string;
}

/**
 * Makes the last items of each row's list its candidates, the latest first, each once: the session's own items. Without `times` a list is in
 * the order of events, oldest first. Null items, and items with a null time, are left out.
 * @example session["item_ids"] >> recent({ count: 20 })
 * @example session["item_ids"] >> recent({ times: session["item_times"], now: session["now"], within: 1800 })
 */
export const recent = <const O extends Options = Record<never, never>>(options?: O): Op<RecentRule<O>> => {
  const { times, now, ...params }: Options = options ?? {};
  return new Op("recent", params, { ...(times && { times }), ...(now && { now }) });
};

export const recentOp = defineOp({
  kind: "recent",
  nodeOptions: ["times", "now"],
  params: OP_PARAMS.recent,
  infer: call => {
    const { within, name } = call.params;
    const items = needOne(call, call.input, "`recent`", "recent()");
    const times = optional(call, "times");
    const now = optional(call, "now");
    if (!items || times === null || now === null) return undefined;
    if (!fits(call, items, "lists", "left", col => col.list !== undefined)) return undefined;
    const isNumber = ({ dtype }: Bound["column"]): boolean => ["int", "uint", "float"].includes(datatype(dtype).kind);
    const blame = (dependency: string) => ({ dependency });
    if (times && !fits(call, times, "lists of numbers", blame("times"), col => col.list !== undefined && isNumber(col)))
      return undefined;
    if (now && !fits(call, now, "one number per row", blame("now"), col => !col.list && isNumber(col)))
      return undefined;
    if (!sameRows(call, [items, ...(times ? [times] : []), ...(now ? [now] : [])], "`recent`")) return undefined;
    if ((within !== undefined) !== (now !== undefined) || (now && !times))
      return call.refuse(
        "`within` needs `times` and `now`, and `now` has no effect without them.",
        "Give it all three, or `count` alone.",
        "right",
      );
    const { list: _, ...item } = items.column;
    return {
      params: call.params,
      inputs: { input: [items], ...(times && { times: [times] }), ...(now && { now: [now] }) },
      outputs: [{ ...item, name, rows: call.id, properties: {}, tags: [...new Set([...item.tags, "id"])] }],
      madeRows: { parent: items.column.rows },
    };
  },
});

/** The only column of a node option; null after a fault. */
function optional(call: Call<unknown>, port: "times" | "now"): Bound | undefined | null {
  const scope = call.dependency(port);
  if (scope.length === 0) return undefined;
  return needOne(call, scope, `\`${port}\` of \`recent\``, "recent()", { dependency: port }) ?? null;
}

function fits(
  call: Call<unknown>,
  { column }: Bound,
  wanted: string,
  blame: Parameters<typeof call.fail>[1],
  is: (column: Bound["column"]) => boolean,
): boolean {
  if (is(column)) return true;
  call.refuseType(column, wanted, "Give it columns of the request or of a store, as they are.", blame);
  return false;
}
