/** A saved NVTabular workflow → a program and a fitted folder. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { NvtGraph } from "../compiler/import/nvtabular-graph.js";
import { requireWithout, splitOutputs } from "../compiler/import/removed-inputs.js";
import type { compileWorkflow } from "../compiler/index.js";
import { pathInside, resolveInside } from "../contract/files/path-inside.js";
import { TemporaryFolder } from "../contract/files/temporary-folder.js";
import type { Plan } from "../contract/plan.js";
import { withoutTrailingSlashes } from "../contract/trailing-slashes.js";

export interface ImportOptions {
  /** The fitted folder to write. */
  readonly out: string;
  /** Default: `OUT.workflow.ts`. */
  readonly program?: string;
  /** Replaces a program that is there. */
  readonly force?: boolean;
  /** Columns that requests do not have, such as labels. */
  readonly removeInputs?: readonly string[];
}

export interface ImportedWorkflow {
  readonly program: string;
  /** Nodes of the saved graph. */
  readonly nodes: number;
  /** Intended differences from the original. */
  readonly warnings: readonly string[];
  /** Output columns of the original that are made of `removeInputs`, and that the import does not have. */
  readonly removed: readonly string[];
  /** If it is not ok, no fitted folder was written. */
  readonly compiled: Awaited<ReturnType<typeof compileWorkflow>>;
}

/** @throws ImportError, RuntimeFault: what cannot be imported, by node and operator */
export async function importNvtabular(folder: string, options: ImportOptions): Promise<ImportedWorkflow> {
  const [{ readNvtGraph }, { nvtabularSource }, { compileWorkflow, PASS_NAMES }] = await Promise.all([
    import("../compiler/import/nvtabular-graph.js"),
    import("../compiler/import/nvtabular-source.js"),
    import("../compiler/index.js"),
  ]);
  const [{ importStates }, { writeFittedWorkflow }] = await Promise.all([
    import("../runtime/etl/import/nvtabular-artefacts.js"),
    import("../runtime/etl/fitted-folder.js"),
  ]);
  const name = basename(resolve(options.out));
  const program = options.program ?? `${withoutTrailingSlashes(options.out)}.workflow.ts`;
  if (existsSync(program) && !options.force)
    throw new Error(`${program} is there already. Give \`--force\` to replace it, or another \`--program\`.`);
  const graph = readNvtGraph(folder);
  const base = dirname(resolve(program));
  const write = async (order?: readonly string[], withoutSubgraphs?: ReadonlySet<string>) => {
    const made = nvtabularSource(graph, name, order, withoutSubgraphs);
    await mkdir(base, { recursive: true });
    await writeFile(program, made.source);
    for (const { from, to } of made.files) {
      await mkdir(dirname(join(base, to)), { recursive: true });
      await copyFile(resolveInside(folder, pathInside(from)), join(base, to));
    }
    // Each node stays a step of its own, so that its state finds it. Columns that only the fit reads are not inputs.
    const off = new Set(PASS_NAMES.filter(pass => pass !== "pruneColumns"));
    return { warnings: made.warnings, compiled: await compileWorkflow(program, { off }) };
  };
  let { warnings, compiled } = await write();
  const order = compiled.ok ? orderOfOutputs(graph, compiled.plan) : undefined;
  if (order) ({ warnings, compiled } = await write(order));
  const nodeOf = (step: { readonly id: string }) =>
    graph.nodes.find(node => node.id === Number(/^n(\d+)\b/.exec(step.id)?.[1] ?? Number.NaN));
  const fittedPlan = async ({ plan, withState }: Compiled, to: string, warn: (text: string) => void) =>
    withState(await importStates(plan, nodeOf, { from: folder, base, folder: to }, warn));
  const removeInputs = options.removeInputs ?? [];
  let removed: readonly string[] = [];
  if (removeInputs.length > 0 && compiled.ok) {
    const full = compiled;
    const declared = full.inferred.inputs.map(({ name }) => name);
    // A fitted step does not read the columns that it learned from.
    const whole = await inTemporaryFolder("import", scratch => fittedPlan(full, scratch, () => {}));
    const split = splitOutputs(whole, { removeInputs, declared, program });
    removed = split.removed;
    if (removed.length > 0) ({ warnings, compiled } = await write(split.kept, split.removedSubgraphs));
  }
  const found = [...warnings];
  const imported = { program, nodes: graph.nodes.length, warnings: found, removed, compiled };
  if (!compiled.ok) return imported;
  const last = compiled;
  await writeFittedWorkflow(options.out, async staging => {
    const plan = await fittedPlan(last, staging, text => found.push(text));
    requireWithout(plan, { removeInputs, program });
    return plan;
  });
  return imported;
}

type Compiled = Extract<ImportedWorkflow["compiled"], { readonly ok: true }>;

async function inTemporaryFolder<T>(purpose: string, use: (folder: string) => Promise<T>): Promise<T> {
  const temporary = new TemporaryFolder(purpose);
  try {
    return await use(temporary.path);
  } finally {
    await temporary.dispose();
  }
}

/** The original's order of the columns, where the program has the same in another. */
function orderOfOutputs(graph: NvtGraph, { outputs }: Plan): readonly string[] | undefined {
  const wanted = graph.nodes.find(node => node.id === graph.output_node_id)?.output_schema?.map(col => col.name) ?? [];
  const made = outputs.map(({ schema }) => schema.name);
  const isSame = wanted.length === made.length && wanted.every(name => made.includes(name));
  return isSame && wanted.some((name, i) => name !== made[i]) ? wanted : undefined;
}
