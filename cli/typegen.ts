/** `merlon typegen [FILES]`: writes the columns of the artefacts that programs name, for the editor. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { Command } from "commander";

export const typegenCommand = (): Command =>
  new Command("typegen")
    .description(
      "write merlon-env.d.ts: the columns of the ONNX graphs, workflows, stores and indexes that programs name",
    )
    .argument("[files...]", "*.ensemble.ts and *.workflow.ts; by default all below this folder")
    .option("-o, --out <file>", "where to write; a folder that your editor's project includes", "merlon-env.d.ts")
    .option("--check", "write nothing; exit with 1 when the file is stale")
    .addHelpText(
      "after",
      '\nExample:\n  $ merlon typegen\n\nFrom then on `queryFeast("features", …)` and its like have columns in your editor: they complete, and a column that is not\nthere is an error while you type. `merlon check` says when the file is stale; `merlon build` refreshes it.',
    )
    .action(async (files: string[], { out, check }: { out: string; check?: boolean }) => {
      const { typegen, writeEnvironment } = await import("../compiler/index.js");
      const programs = files.length ? files : findPrograms(".");
      if (programs.length === 0)
        throw new Error("there is no *.ensemble.ts or *.workflow.ts below this folder. Name the files, or go there.");
      const made = typegen(programs, out);
      const where = relative(process.cwd(), made.file);
      for (const { program, message } of made.unreadable)
        process.stderr.write(`${program}: no types: ${message.message}\n  ${message.help}\n`);
      for (const [path, owners] of made.ambiguous)
        process.stderr.write(
          `\`${path}\` is something else in each of ${owners.join(", ")}: it has no types. Give one of them another path, or run typegen in each folder.\n`,
        );
      if (check) {
        process.stdout.write(
          made.fresh ? `✔ ${where} is up to date\n` : `✘ ${where} is stale: run \`merlon typegen\`\n`,
        );
        process.exitCode = made.fresh ? 0 : 1;
        return;
      }
      if (!made.fresh) writeEnvironment(made.file, made.text);
      const count = `${made.entries.size} artefact${made.entries.size === 1 ? "" : "s"}`;
      process.stdout.write(`✔ ${made.fresh ? `${where} was up to date` : `Wrote ${where}`}: ${count}\n`);
    });

/** Programs below a folder, dependencies and hidden folders left out. */
function findPrograms(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => !entry.name.startsWith(".") && !["node_modules", "dist"].includes(entry.name))
    .flatMap(entry => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return findPrograms(path);
      return /\.(ensemble|workflow)\.ts$/.test(entry.name) ? [path] : [];
    })
    .sort();
}
