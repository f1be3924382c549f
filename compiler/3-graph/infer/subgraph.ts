/**
 * `subgraph("user", node)`: a node under a name.
 */
import * as messages from "../../diagnostics/messages.js";
import { type Inference, type NodeColumns, type NodeOf, report } from "./inference.js";

export function inferSubgraph(
  inference: Inference,
  { name, input, site }: NodeOf<"subgraph">,
): NodeColumns | undefined {
  const { subgraphs } = inference;
  if (subgraphs.has(name))
    return report(
      inference,
      messages.graphParameter({
        operator: "subgraph",
        problem: `two subgraphs are called ${JSON.stringify(name)}.`,
        way: "Give each its own name, which `transformWorkflow` reads.",
      }),
      site,
      "left",
    );
  const columns = inference.nodes[input];
  if (columns) subgraphs.set(name, columns.scope);
  return columns;
}
