/**
 * NVTabular's graph → the same workflow as a program of Merlon's. Node 7 is the variable `n7`, so that the state of a node finds its step.
 */

import { isTimeUnit } from "../../contract/time-unit.js";
import { DATATYPES } from "../../triton-protos/datatype.js";
import { callOf, operand } from "./nvtabular-calls.js";
import { ImportError, kindOf, type NvtColumn, type NvtGraph, type NvtNode } from "./nvtabular-graph.js";
import { tagsOf } from "./nvtabular-tags.js";

export interface Imported {
  readonly source: string;
  /** Intended differences from the original. */
  readonly warnings: readonly string[];
  /** Files that the program names: where the saved workflow has them, and where the program looks for them. */
  readonly files: readonly { readonly from: string; readonly to: string }[];
}

/**
 * @param order columns that the program answers with, where they are not those of the output node, or in another order
 * @param withoutSubgraphs names of subgraphs that the program does not have
 * @throws ImportError naming the node and its operator
 */
export function nvtabularSource(
  graph: NvtGraph,
  name: string,
  order?: readonly string[],
  withoutSubgraphs: ReadonlySet<string> = new Set(),
): Imported {
  const warnings: string[] = [];
  const files: { from: string; to: string }[] = [];
  const used = new Set(["source", "workflow"]);
  const columns = new Map<string, NvtColumn>();
  const lines: string[] = [];
  const text = new Map<number, string>();
  const byId = new Map(graph.nodes.map(node => [node.id, node]));
  const plus = (ids: readonly number[]): string =>
    joined(ids.map(id => ({ text: text.get(id)!, node: byId.get(id)! })));
  const isIn = (id: number, others: readonly number[]) => {
    const names = new Set(others.flatMap(other => outputsOf(byId.get(other)!)));
    return outputsOf(byId.get(id)!).every(name => names.has(name));
  };
  for (const node of graph.nodes) {
    const kind = kindOf(node);
    if (kind === "SelectionOp" && node.parent_ids.length === 0) {
      for (const col of node.output_schema ?? node.input_schema ?? [])
        if (!columns.has(col.name)) columns.set(col.name, col);
      const names = outputsOf(node);
      if (names.length === 0) throw new ImportError(`node ${node.id} (SelectionOp) selects no columns by name.`);
      text.set(node.id, `request[${JSON.stringify(names)}]`);
      continue;
    }
    const left = plus(node.parent_ids);
    const line = (() => {
      if (kind === "ConcatColumns" || kind === "GroupingOp") return plus([...node.parent_ids, ...node.dependency_ids]);
      if (["SelectionOp", "SubsetColumns", "SubtractionOp"].includes(kind))
        return `${operand(left)}[${JSON.stringify(outputsOf(node))}]`;
      if (kind === "Subgraph") {
        if (withoutSubgraphs.has(String(node.op_params.name))) return left;
        used.add("subgraph");
        return `subgraph(${JSON.stringify(node.op_params.name)}, ${left})`;
      }
      const call = callOf(node, {
        target: node.dependency_ids.length > 0 ? plus(node.dependency_ids) : undefined,
        all: plus([...node.parent_ids, ...node.dependency_ids.filter(id => !isIn(id, node.parent_ids))]),
        warnings,
        left,
        fileOf: path => {
          const to = `${name}.files/n${node.id}.${path}`;
          files.push({ from: `${node.folder}/${path}`, to });
          return to;
        },
      });
      for (const imported of call.imports) used.add(imported);
      return call.text;
    })();
    lines.push(`const n${node.id} = ${line};`);
    text.set(node.id, `n${node.id}`);
  }
  const output = text.get(graph.output_node_id);
  if (output === undefined) throw new ImportError(`the output node ${graph.output_node_id} is not in the graph.`);
  const request = requestText([...columns.values()]);
  for (const imported of request.imports) used.add(imported);
  const source = [
    `// Made by \`merlon import nvtabular\` of a saved workflow.`,
    `import { ${[...used].sort().join(", ")} } from "merlon";`,
    "",
    ...request.lines,
    "",
    ...lines,
    "",
    `export default workflow(${JSON.stringify(name)}, ${order ? `${output}[${JSON.stringify(order)}]` : output});`,
    "",
  ].join("\n");
  return { source, warnings, files };
}

/** Columns side by side; of a name that both sides have the right one counts, as in Merlin. */
function joined(sides: readonly { readonly text: string; readonly node: NvtNode }[]): string {
  const [first, ...others] = sides;
  if (!first) return "";
  let made = first.text;
  const names = new Set(outputsOf(first.node));
  for (const { text, node } of others) {
    const added = outputsOf(node);
    const clashes = added.some(name => names.has(name));
    made = clashes ? `${operand(made)}.plus(${text}, { wins: "right" })` : `${made} + ${text}`;
    for (const name of added) names.add(name);
  }
  return made;
}

/** Names of a node's columns: what tags and `*` selected is in its schema alone. */
function outputsOf(node: NvtNode): readonly string[] {
  if (node.output_schema?.length) return node.output_schema.map(col => col.name);
  const given = node.op_params.selector as { names?: string[] } | null | undefined;
  if (given?.names?.length) return given.names;
  return node.selector?.names ?? [];
}

/** The declaration of the request's columns; tags are added behind it. */
function requestText(columns: readonly NvtColumn[]): { lines: readonly string[]; imports: readonly string[] } {
  const declared = columns.map(col => `  ${JSON.stringify(col.name)}: ${JSON.stringify(typeOf(col))},`);
  const byTags = new Map<string, string[]>();
  for (const col of columns) {
    const tags = tagsOf(col.tags ?? [])
      .map(tag => JSON.stringify(tag))
      .join(", ");
    byTags.set(tags, [...(byTags.get(tags) ?? []), col.name]);
  }
  const isTagged = [...byTags.keys()].some(tags => tags !== "");
  const parts = [...byTags].map(([tags, names]) => {
    const picked = `columns[${JSON.stringify(names)}]`;
    return tags === "" ? picked : `(${picked} >> addTags(${tags}))`;
  });
  return {
    lines: [
      `const ${isTagged ? "columns" : "request"} = source({`,
      ...declared,
      "});",
      ...(isTagged ? [`const request = ${parts.join(" + ")};`] : []),
    ],
    imports: isTagged ? ["addTags"] : [],
  };
}

const PLAIN: Readonly<Record<string, string>> = { object: "string", str: "string", unknown: "string", "": "string" };

/** `"int64"`, `"list<int64>"`, `"float32[64]"`, `"timestamp<ns>"`. */
function typeOf(col: NvtColumn): string {
  const name = (typeof col.dtype === "string" ? col.dtype : col.dtype?.name) ?? "";
  const unit = /^datetime64\[(\w+)\]$/.exec(name)?.[1];
  if (isTimeUnit(unit) && !col.is_list) return `timestamp<${unit}>`;
  const plain = PLAIN[name] ?? name;
  if (!DATATYPES.some(row => row.name === plain))
    throw new ImportError(`column \`${col.name}\` is ${name}, which no column of Merlon's is.`);
  if (!col.is_list) return plain;
  const bounds = typeof col.dtype === "object" ? col.dtype?.shape?.[1] : undefined;
  const isFixed = bounds?.min && bounds.min === bounds.max;
  return isFixed ? `${plain}[${bounds.min}]` : `list<${plain}>`;
}
