/**
 * Checks an operator's arguments before the operator reads them.
 */
import type { z } from "zod";
import type { OpKind } from "../../../contract/op-params.js";
import { factsOf } from "../../../contract/step-facts.js";
import type { Message } from "../../diagnostics/diagnostic.js";
import * as messages from "../../diagnostics/messages.js";
import type { Grouping } from "../groups.js";
import { type OptionsOf, optionFault } from "../option-fault.js";
import { type Inference, type NodeOf, report } from "./inference.js";

/** Reports each parameter that does not parse; where some have unknown names, only those. */
export function reportOptions(
  inference: Inference,
  { params, site }: NodeOf<"apply">,
  { issues }: z.ZodError,
  definition: OptionsOf,
): undefined {
  const strange = issues.filter(issue => issue.code === "unrecognized_keys");
  for (const issue of strange.length > 0 ? strange : issues) {
    const { message, blame } = optionFault(issue, params, definition);
    report(inference, message, site, blame);
  }
}

/** A port that was given something else than a node. */
export function strayDependency({ op, dependencies }: NodeOf<"apply">): Message | undefined {
  for (const [port, dependency] of Object.entries(dependencies))
    if ("seen" in dependency)
      return messages.graphParameter({
        operator: op,
        // The port that an author names `deny`, or not at all.
        problem: `${port === "filterOut" ? "what to drop" : `\`${port}\``} is ${dependency.seen}, not a node.`,
        way: wayToNode(op, dependency.seen),
      });
  return undefined;
}

/** @param seen the value in the place of a node */
function wayToNode(op: OpKind, seen: string): string {
  const [, text] = /^the text ("(?:[^"\\]|\\.)*")$/.exec(seen) ?? [];
  if (text !== undefined) return `Pick the column from the node that has it: \`node[${text}]\`.`;
  if (seen === "a list") return 'Pick the columns from the node that has them, as in `node["first", "second"]`.';
  if (seen === "a record") return `Give the node first, and options after it: \`${op}(node, { ... })\`.`;
  return 'Give it a node, as in `user["purchased_ids"]`, or `user["purchased_ids"] + request["hidden_ids"]` for several columns.';
}

/** A column group in front of an operator that takes columns one by one. */
export function unusedGroup(operator: OpKind, grouping: Grouping): Message | undefined {
  const group = grouping.find(entry => entry.length > 1);
  if (!group || factsOf(operator).grouped) return undefined;
  return messages.graphGroupUnused({
    operator,
    group: JSON.stringify(group),
    list: group.map(name => JSON.stringify(name)).join(", "),
  });
}
