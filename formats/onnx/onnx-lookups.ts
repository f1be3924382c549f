/** The inputs of a graph that are row numbers of a table of its weights, such as an embedding. A number beyond the table fails the run. */

/** A node of the main graph, as far as it is read. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Its attribute `axis`; 0 where it has none. */
  readonly axis: number;
}

export interface OnnxLookUp {
  /** The graph's input. */
  readonly input: string;
  /** Name of the weights. */
  readonly table: string;
  /** Rows of the table: 0 … rows - 1 are in it. */
  readonly rows: number;
}

/** Operators whose output holds the values of their first input. */
const SAME_VALUES = new Set(["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]);

/**
 * Look-ups by inputs that nothing changes on the way: what a graph clips, hashes or adds up first is not known here.
 * @param nodes in the graph's order, which is that of execution
 * @param rows first dimension of each tensor of weights, by name
 */
export function lookUpsOf(
  nodes: readonly OnnxNode[],
  inputs: readonly string[],
  rows: ReadonlyMap<string, number>,
): OnnxLookUp[] {
  /** Tensor → the input that has its values. */
  const from = new Map(inputs.map(name => [name, name]));
  const found: OnnxLookUp[] = [];
  for (const { op, inputs: read, outputs, axis } of nodes) {
    const [first = "", second = ""] = read;
    const same = SAME_VALUES.has(op) ? from.get(first) : undefined;
    if (same !== undefined && outputs[0] !== undefined) from.set(outputs[0], same);
    const input = op === "Gather" && axis === 0 ? from.get(second) : undefined;
    const length = rows.get(first);
    if (input !== undefined && length !== undefined) found.push({ input, table: first, rows: length });
  }
  return found;
}
