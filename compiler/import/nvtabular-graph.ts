/** `graph.json` of a saved NVTabular workflow: its nodes, each after those it reads. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const selector = z.object({ names: z.array(z.string()).default([]), tags: z.array(z.string()).default([]) });
const columnOf = z.object({
  name: z.string(),
  dtype: z
    .union([
      z.string(),
      z.object({
        name: z.string(),
        shape: z.array(z.object({ min: z.number().nullish(), max: z.number().nullish() })).nullish(),
      }),
    ])
    .nullish(),
  tags: z.array(z.string()).nullish(),
  properties: z.record(z.string(), z.unknown()).nullish(),
  is_list: z.boolean().nullish(),
  is_ragged: z.boolean().nullish(),
});

const nodeSchema = z.object({
  id: z.number().int(),
  op_class: z.string(),
  op_params: z.record(z.string(), z.unknown()).default({}),
  op_state: z.record(z.string(), z.unknown()).default({}),
  parent_ids: z.array(z.number().int()).default([]),
  dependency_ids: z.array(z.number().int()).default([]),
  selector: selector.nullish(),
  input_schema: z.array(columnOf).nullish(),
  output_schema: z.array(columnOf).nullish(),
});

const nodesSchema = z.object({ output_node_id: z.number().int(), nodes: z.array(nodeSchema).min(1) });
const graphSchema = nodesSchema.extend({ format_version: z.number().optional() });
const innerGraph = z.object({ name: z.string(), loop_until: z.null().optional(), inner_graph: nodesSchema });

/** A node, and the folder of its fitted files, relative to the saved workflow. */
export type NvtNode = z.infer<typeof nodeSchema> & { readonly folder: string };
export type NvtColumn = z.infer<typeof columnOf>;
export interface NvtGraph {
  readonly output_node_id: number;
  /** Each after the nodes it reads. */
  readonly nodes: readonly NvtNode[];
}

/** Something that cannot be imported; the message says what and what to do. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** @throws ImportError for a folder that holds no graph, a pickle among them */
export function readNvtGraph(folder: string): NvtGraph {
  const file = join(folder, "graph.json");
  if (!existsSync(file))
    throw new ImportError(
      existsSync(join(folder, "workflow.pkl"))
        ? `${folder} holds a pickled workflow (workflow.pkl), which only NVTabular reads. On a machine with NVTabular, run \`python tools/export_nvtabular.py ${folder} EXPORTED\` first, and import EXPORTED.`
        : `${folder} has no graph.json. Give the folder that NVTabular's \`Workflow.save\` wrote, or that tools/export_nvtabular.py made of it.`,
    );
  let json: unknown;
  try {
    json = JSON.parse(withoutNaN(readFileSync(file, "utf8")));
  } catch (error) {
    throw new ImportError(`${file} is not JSON: ${(error as Error).message}.`);
  }
  const parsed = graphSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new ImportError(`${file} is not a graph of NVTabular's: ${issue.path.join(".")}: ${issue.message}.`);
  }
  const { format_version = 1, nodes } = parsed.data;
  if (format_version !== 1) throw new ImportError(`${file} has format_version ${format_version}; this Merlon reads 1.`);
  return inOrder({
    output_node_id: parsed.data.output_node_id,
    nodes: nodes.flatMap(node => withInnerNodes({ ...node, folder: `artifacts/node_${node.id}` }, nodes)),
  });
}

/** Python's JSON has NaN and Infinity, which JSON has not: nothing is known of the one, the other is a number too large. */
function withoutNaN(text: string): string {
  let made = "";
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    made += text
      .slice(at, end)
      .replace(/\bNaN\b/g, "null")
      .replace(/\bInfinity\b/g, "1e999");
    at = quote < 0 ? end : endOfString(text, quote);
    made += text.slice(end, at);
  }
  return made;
}

/** @returns the place after a string's second quote */
function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return Math.min(text.length, at + 1);
}

/**
 * A subgraph's inner nodes as nodes of the graph around it, with ids after its own: node 3 of subgraph 12 is node 12003.
 * @throws ImportError for a subgraph that repeats until a function stops it, or one inside another
 */
function withInnerNodes(node: NvtNode, outer: readonly z.infer<typeof nodeSchema>[]): readonly NvtNode[] {
  if (kindOf(node) !== "Subgraph" || node.op_params.inner_graph === undefined) return [node];
  const inner = innerGraph.safeParse(node.op_params).data;
  if (!inner || inner.inner_graph.nodes.some(one => kindOf(one) === "Subgraph"))
    throw new ImportError(
      `node ${node.id} (Subgraph) repeats until a function stops it, or holds another subgraph. Write that part in Merlon, and fit.`,
    );
  const idOf = (id: number) => node.id * 1000 + id;
  const isComputed = node.parent_ids.some(id => outer.some(one => one.id === id && kindOf(one) !== "SelectionOp"));
  const moved = inner.inner_graph.nodes.map(one => ({
    ...one,
    id: idOf(one.id),
    folder: `${node.folder}/artifacts/node_${one.id}`,
    parent_ids: isComputed && one.parent_ids.length === 0 ? node.parent_ids : one.parent_ids.map(idOf),
    dependency_ids: one.dependency_ids.map(idOf),
  }));
  return [
    ...moved,
    {
      ...node,
      op_params: { name: inner.name },
      parent_ids: [idOf(inner.inner_graph.output_node_id)],
      dependency_ids: [],
    },
  ];
}

/** NVTabular numbers nodes by their distance from the output, so that a node may precede one that it reads. */
function inOrder(graph: NvtGraph): NvtGraph {
  const byId = new Map(graph.nodes.map(node => [node.id, node]));
  const order: NvtNode[] = [];
  const seen = new Set<number>();
  const visit = (node: NvtNode) => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    for (const id of [...node.parent_ids, ...node.dependency_ids]) {
      const upstream = byId.get(id);
      if (!upstream)
        throw new ImportError(`node ${node.id} (${kindOf(node)}) reads node ${id}, which is not in the graph.`);
      visit(upstream);
    }
    order.push(node);
  };
  for (const node of graph.nodes.toSorted((a, b) => a.id - b.id)) visit(node);
  return { ...graph, nodes: order };
}

/** `SelectionOp` of `merlin.dag.ops.selection.SelectionOp`. */
export const kindOf = (node: { readonly op_class: string }): string => node.op_class.split(".").at(-1)!;
