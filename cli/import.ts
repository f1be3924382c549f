/** `merlon import nvtabular DIR --out DIR`: a fitted NVTabular workflow becomes a program and a fitted folder of Merlon's. */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { Command } from "commander";
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
      const { source, warnings } = nvtabularSource(graph, name);
      await mkdir(dirname(resolve(program)), { recursive: true });
      await writeFile(program, source);
      // Each node stays a step of its own, so that what it has learnt finds it.
      const compiled = await compileWorkflow(program, { off: new Set(PASS_NAMES) });
      process.stderr.write(printDiagnostics(compiled.diagnostics, { color: process.stderr.isTTY === true }));
      if (!compiled.ok) {
        process.exitCode = 1;
        return;
      }
      const nodeOf = (step: { readonly id: string }) =>
        graph.nodes.find(node => node.id === Number(/^n(\d+)\b/.exec(step.id)?.[1] ?? Number.NaN));
      await writeFittedWorkflow(options.out, async staging =>
        compiled.withState(await importStates(compiled.plan, nodeOf, folder, staging)),
      );
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
      process.stdout.write(`✔ Imported ${graph.nodes.length} nodes: ${program}, ${options.out}\n`);
    });
