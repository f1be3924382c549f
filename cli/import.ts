/** `merlon import nvtabular DIR --out DIR`: a fitted NVTabular workflow becomes a program and a fitted folder of Merlon's. */

import { Command, InvalidArgumentError } from "commander";
import { wantsColor } from "../contract/wants-color.js";
import { type ImportOptions, importNvtabular } from "./import-nvtabular.js";

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
    .option("--remove-inputs <columns>", "input columns to remove, separated by commas", readNames)
    .addHelpText(
      "after",
      `
Examples:
  $ merlon import nvtabular saved_workflow --out etl/ranking
  $ merlon verify etl/ranking
  $ merlon import nvtabular saved_workflow --out etl/serving --remove-inputs label

NVTabular's workflows of 23.08 and before are pickles. On a machine with that NVTabular, make a folder that can be imported:
  $ python tools/export_nvtabular.py saved_workflow exported
  $ merlon import nvtabular exported --out etl/ranking

Vocabularies alone (categories/unique.*.parquet): \`categorify({ vocabs: { brand: "categories/unique.brand.parquet" } })\`.`,
    )
    .action(async (folder: string, options: ImportOptions) => {
      const { program, nodes, warnings, removed, compiled } = await importNvtabular(folder, options);
      const { printDiagnostics } = await import("../compiler/index.js");
      process.stderr.write(printDiagnostics(compiled.diagnostics, { color: wantsColor(process.stderr) }));
      if (!compiled.ok) {
        process.exitCode = 1;
        return;
      }
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
      process.stdout.write(`✔ Imported ${nodes} nodes: ${program}, ${options.out}\n`);
      if (removed.length > 0) process.stdout.write(`Removed the columns ${removed.join(", ")}.\n`);
    });

/** Names, also of several options. */
function readNames(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(",").map(name => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("Names of columns are expected, such as label,rating.");
  return [...new Set([...before, ...names])];
}
