/**
 * NVTabular's graph -> the same workflow as a program of Merlon's. Node 7 is the variable `n7`, so that what a node has learnt finds its step.
 */
import { DATATYPES } from "../../triton-protos/datatype.js";
import { callOf } from "./nvtabular-calls.js";
import { ImportError, kindOf, type NvtColumn, type NvtGraph, type NvtNode } from "./nvtabular-graph.js";

export interface Imported {
  readonly source: string;
  /** What differs from the original on purpose. */
  readonly warnings: readonly string[];
}

/** @throws ImportError naming the node and its operator */
export function nvtabularSource(graph: NvtGraph, name: string): Imported {
  const warnings: string[] = [];
  const used = new Set(["source", "workflow"]);
  const columns = new Map<string, NvtColumn>();
  const lines: string[] = [];
  const text = new Map<number, string>();
  for (const node of graph.nodes) {
    const kind = kindOf(node);
    const upstream = [...node.parent_ids, ...node.dependency_ids].map(id => {
      const found = text.get(id);
      if (found === undefined) throw new ImportError(`node ${node.id} (${kind}) reads node ${id}, which comes later.`);
      return found;
    });
    if (kind === "SelectionOp" && node.parent_ids.length === 0) {
      for (const col of node.output_schema ?? node.input_schema ?? [])
        if (!columns.has(col.name)) columns.set(col.name, col);
      const names = namesOf(node);
      if (names.length === 0) throw new ImportError(`node ${node.id} (SelectionOp) selects no columns by name.`);
      text.set(node.id, `request[${JSON.stringify(names)}]`);
      continue;
    }
    const variable = `n${node.id}`;
    const left = node.parent_ids.map(id => text.get(id)!).join(" + ");
    const line = (() => {
      if (kind === "ConcatColumns") return upstream.join(" + ");
      if (kind === "SelectionOp" || kind === "SubsetColumns") return `(${left})[${JSON.stringify(namesOf(node))}]`;
      const call = callOf(node, {
        target: node.dependency_ids.map(id => text.get(id)!)[0],
        warnings,
        left,
        parents: parentsOf(graph, node),
      });
      for (const imported of call.imports) used.add(imported);
      return `${call.left} >> ${call.text}`;
    })();
    lines.push(`const ${variable} = ${line};`);
    text.set(node.id, variable);
  }
  const output = text.get(graph.output_node_id);
  if (output === undefined) throw new ImportError(`the output node ${graph.output_node_id} is not in the graph.`);
  const declared = [...columns.values()].map(col => `  ${JSON.stringify(col.name)}: ${typeText(col, used)},`);
  const source = [
    `// Made by \`merlon import nvtabular\` of a saved workflow.`,
    `import { ${[...used].sort().join(", ")} } from "merlon";`,
    "",
    "const request = source({",
    ...declared,
    "});",
    "",
    ...lines,
    "",
    `export default workflow(${JSON.stringify(name)}, ${output});`,
    "",
  ].join("\n");
  return { source, warnings };
}

const parentsOf = (graph: NvtGraph, node: NvtNode): readonly NvtNode[] =>
  node.parent_ids.flatMap(id => graph.nodes.find(one => one.id === id) ?? []);

function namesOf(node: NvtNode): readonly string[] {
  const given = node.op_params.selector as { names?: string[] } | null | undefined;
  if (given?.names?.length) return given.names;
  if (node.selector?.names.length) return node.selector.names;
  return (node.output_schema ?? []).map(col => col.name);
}

function typeText(col: NvtColumn, used: Set<string>): string {
  const name = (typeof col.dtype === "string" ? col.dtype : col.dtype?.name) ?? "";
  const plain = name === "object" || name === "str" || name === "unknown" || name === "" ? "string" : name;
  if (!DATATYPES.some(row => row.name === plain))
    throw new ImportError(`column \`${col.name}\` is ${name}, which no column of Merlon's is.`);
  if (!col.is_list) return JSON.stringify(plain);
  used.add("list");
  const bounds = typeof col.dtype === "object" ? col.dtype?.shape?.[1] : undefined;
  const isFixed = bounds?.min && bounds.min === bounds.max;
  return isFixed ? `list(${JSON.stringify(plain)}, ${bounds.min})` : `list(${JSON.stringify(plain)})`;
}
