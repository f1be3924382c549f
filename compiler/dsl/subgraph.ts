/**
 * A named part of a graph, which can be used alone once the whole is fitted.
 */
import { Node } from "./node.js";

/**
 * Names a part of a workflow. Fit the whole, then serve the part: `transformWorkflow("etl", { subgraph: "user" })` reads the columns
 * this part needs and no others.
 * @example const user = subgraph("user", ["user_id"] >> categorify());
 */
export const subgraph = <C extends string, A extends string>(
  name: string,
  node: Node<C, A>,
  site?: number,
): Node<C, A> => new Node({ kind: "subgraph", name, input: node }, site);
