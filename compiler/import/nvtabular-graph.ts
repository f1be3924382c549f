/** `graph.json` of a saved NVTabular workflow: its nodes, in an order in which each comes after those it reads. */
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

const graphSchema = z.object({
  format_version: z.number().optional(),
  output_node_id: z.number().int(),
  nodes: z.array(nodeSchema).min(1),
});

export type NvtNode = z.infer<typeof nodeSchema>;
export type NvtColumn = z.infer<typeof columnOf>;
export type NvtGraph = z.infer<typeof graphSchema>;

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
        ? `${folder} holds a pickled workflow (workflow.pkl), which only NVTabular reads. Where NVTabular is installed, run \`python tools/export_nvtabular.py ${folder} EXPORTED\` first, and import EXPORTED.`
        : `${folder} has no graph.json. Give the folder that NVTabular's \`Workflow.save\` wrote, or that tools/export_nvtabular.py made of it.`,
    );
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
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
  return { ...parsed.data, nodes: nodes.toSorted((a, b) => a.id - b.id) };
}

/** `SelectionOp` of `merlin.dag.ops.selection.SelectionOp`. */
export const kindOf = (node: NvtNode): string => node.op_class.split(".").at(-1)!;
