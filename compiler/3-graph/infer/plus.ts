/**
 * `left + right`: the columns of two nodes.
 */
import { REQUEST_STEP } from "../../../contract/plan.js";
import type { Bound } from "../../../operators/shared/author/bound.js";
import * as messages from "../../diagnostics/messages.js";
import { joinGroupings } from "../groups.js";
import { type Inference, type NodeColumns, type NodeOf, report } from "./inference.js";

export function inferPlus(inference: Inference, node: NodeOf<"plus">): NodeColumns | undefined {
  const [left, right] = [inference.nodes[node.left], inference.nodes[node.right]];
  if (!left || !right) return undefined;
  if (node.wins !== "right") {
    const clashes = right.scope.flatMap(b => {
      const a = left.scope.find(l => l.column.name === b.column.name);
      return a && !isSame(a, b) ? [{ a, b }] : [];
    });
    for (const { a, b } of clashes)
      report(
        inference,
        messages.schemaNameCollision({ column: b.column.name, left: origin(a), right: origin(b) }),
        node.site,
        "right",
        [
          { note: `the left \`${a.column.name}\` is from this node`, site: a.site },
          { note: `the right \`${b.column.name}\` is from this node`, site: b.site },
        ],
      );
    if (clashes.length > 0) return undefined;
  }
  const names = new Set(right.scope.map(b => b.column.name));
  return {
    // The right entry keeps its place in the right operand, as in Merlin.
    scope: [...left.scope.filter(a => !names.has(a.column.name)), ...right.scope],
    grouping: joinGroupings(left.grouping, right.grouping),
  };
}

/** True of two columns that are one. */
const isSame = (a: Bound, b: Bound): boolean => a.ref.step === b.ref.step && a.ref.column === b.ref.column;

const origin = ({ column: { dtype }, ref }: Bound): string =>
  ref.step === REQUEST_STEP ? `${dtype}, from the source` : `${dtype}, made by \`${ref.step}\``;
