/** `merlon import nvtabular DIR --out DIR`: a fitted NVTabular workflow becomes a program and a fitted folder of Merlon's. */
import { existsSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import type { NvtGraph } from "../compiler/import/nvtabular-graph.js";
import { pathInside, resolveInside } from "../triton-protos/files/path-inside.js";
import type { Plan } from "../triton-protos/plan.js";
import { withoutTrailingSlashes } from "../triton-protos/trailing-slashes.js";

interface Options {
  readonly out: string;
  readonly program?: string;
  readonly force?: true;
}

export const importCommand = (): Command =>
  new Command("import").description("bring work over from other systems").addCommand(nvtabularCommand());

const nvtabularCommand = (): Command =>
  new Command("nvtabular")
    .description(
      "import a fitted NVTabular workflow: a *.workflow.ts, and a fitted folder with the same ids and statistics",
    )
    .argument("<folder>", "folder with graph.json and artifacts/")
    .requiredOption("-o, --out <folder>", "the fitted folder to write")
    .option("-p, --program <file>", "the program to write; default: OUT.workflow.ts")
    .option("--force", "replace a program that is there")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon import nvtabular saved_workflow --out etl/ranking
  $ merlon verify etl/ranking

NVTabular's workflows of 23.08 and before are pickles. Where that NVTabular is installed, make a folder that can be imported of one:
  $ python tools/export_nvtabular.py saved_workflow exported
  $ merlon import nvtabular exported --out etl/ranking

Vocabularies alone (categories/unique.*.parquet): \`categorify({ vocabs: { brand: "categories/unique.brand.parquet" } })\`.`,
    )
    .action(async (folder: string, options: Options) => {
      const [{ readNvtGraph }, { nvtabularSource }, { compileWorkflow, printDiagnostics, PASS_NAMES }] =
        await Promise.all([
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
      const write = async (order?: readonly string[]) => {
        const made = nvtabularSource(graph, name, order);
        await mkdir(base, { recursive: true });
        await writeFile(program, made.source);
        for (const { from, to } of made.files) {
          await mkdir(dirname(join(base, to)), { recursive: true });
          await copyFile(resolveInside(folder, pathInside(from)), join(base, to));
        }
        // Each node stays a step of its own, so that what it has learnt finds it. Columns that fitting alone reads are not asked for.
        const off = new Set(PASS_NAMES.filter(pass => pass !== "pruneColumns"));
        return { warnings: made.warnings, compiled: await compileWorkflow(program, { off }) };
      };
      let { warnings, compiled } = await write();
      const order = compiled.ok ? orderOfOutputs(graph, compiled.plan) : undefined;
      if (order) ({ warnings, compiled } = await write(order));
      process.stderr.write(printDiagnostics(compiled.diagnostics, { color: process.stderr.isTTY === true }));
      if (!compiled.ok) {
        process.exitCode = 1;
        return;
      }
      const nodeOf = (step: { readonly id: string }) =>
        graph.nodes.find(node => node.id === Number(/^n(\d+)\b/.exec(step.id)?.[1] ?? Number.NaN));
      await writeFittedWorkflow(options.out, async staging =>
        compiled.withState(await importStates(compiled.plan, nodeOf, { from: folder, base, folder: staging })),
      );
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
      process.stdout.write(`✔ Imported ${graph.nodes.length} nodes: ${program}, ${options.out}\n`);
    });

/** The original's order of the columns, where the program has the same in another. */
function orderOfOutputs(graph: NvtGraph, { outputs }: Plan): readonly string[] | undefined {
  const wanted = graph.nodes.find(node => node.id === graph.output_node_id)?.output_schema?.map(col => col.name) ?? [];
  const made = outputs.map(({ schema }) => schema.name);
  const isSame = wanted.length === made.length && wanted.every(name => made.includes(name));
  return isSame && wanted.some((name, i) => name !== made[i]) ? wanted : undefined;
}
