/** `merlon check FILES`: finds mistakes without writing anything. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { isMerlonFile, PROGRAM_FILES } from "../compiler/1-rewrite/file-form.js";
import type { DiagnosticFormat } from "../compiler/index.js";
import { wantsColor } from "../contract/wants-color.js";
import type { Round } from "./watch.js";

interface Options {
  readonly format: DiagnosticFormat;
  readonly watch?: boolean;
  readonly fix?: boolean;
  readonly run?: boolean;
}

export const checkCommand = (): Command =>
  new Command("check")
    .description("find mistakes in ensembles and workflows: columns, dtypes, artefacts")
    .argument("<files...>", `${PROGRAM_FILES}, or folders of them`)
    .addOption(
      new Option("--format <format>", "output format: pretty, json or github (GitHub annotations)")
        .choices(["pretty", "json", "github"])
        .default("pretty"),
    )
    .option("-w, --watch", "check again when a file or artefact changes")
    .option("--run", "also run models on generated rows")
    .addOption(new Option("--fix", "correct the files, such as misspelled names").conflicts("watch"))
    .addHelpText(
      "after",
      `
Examples:
  $ merlon check examples/shop/*.ensemble.ts
  $ merlon check examples/shop
  $ merlon check --watch recommend.ensemble.ts
  $ merlon check --fix recommend.ensemble.ts
  $ merlon check --run recommend.ensemble.ts
  $ merlon check --format github *.ensemble.ts *.workflow.ts

--fix makes the corrections that a message names exactly, where it names one alone, and shows what remains.
Exit status: 0 when nothing is wrong, 1 otherwise; --watch ends with 0.`,
    )
    .action(async (named: string[], { format, watch, fix = false, run = false }: Options) => {
      const files = named.flatMap(programsOf);
      if (!watch) {
        await checkOnce(files, { format, fix, run });
        return;
      }
      const { watchFiles } = await import("./watch.js");
      await watchFiles("check", () => checkOnce(files, { format, run }));
    });

/** A folder means the programs in it. */
function programsOf(path: string): readonly string[] {
  if (!existsSync(path) || !statSync(path).isDirectory()) return [path];
  const programs = readdirSync(path).filter(isMerlonFile).sort();
  // An empty folder's finding names it.
  return programs.length === 0 ? [path] : programs.map(name => join(path, name));
}

async function checkOnce(files: readonly string[], { format, fix, run }: Options): Promise<Round> {
  const { compile, formatDiagnostics, rewrite } = await import("../compiler/index.js");
  const { operatorAdvice, settingAdvice } = await import("./project-typescript.js");
  const adviceOn = (file: string): string | undefined => {
    if (!isMerlonFile(file) || !existsSync(file)) return undefined;
    return operatorAdvice(file, rewrite(readFileSync(file, "utf8"), file).usesOperators) ?? settingAdvice(file);
  };
  const compileFixed = async (file: string) => {
    const { fixUntilDone } = await import("./fix-program.js");
    return fixUntilDone(
      () => compile(file),
      line => process.stderr.write(`${line}\n`),
    );
  };
  const diagnostics = [];
  const read = new Set<string>();
  let advice: string | undefined;
  for (const file of files) {
    const compiled = await (fix ? compileFixed(file) : compile(file));
    advice ??= format === "pretty" ? adviceOn(file) : undefined;
    diagnostics.push(...compiled.diagnostics);
    for (const each of compiled.files) read.add(each);
    if (run && compiled.ok) {
      const { checkRows } = await import("./check-rows.js");
      const ran = await checkRows(compiled);
      for (const note of ran.notes) process.stderr.write(`note: ${note}\n`);
      diagnostics.push(...ran.diagnostics);
      if (ran.diagnostics.length > 0) continue;
    }
    if (compiled.ok && format === "pretty") {
      const { plan } = compiled;
      process.stdout.write(
        `✔ ${file}: ${plan.kind} ${plan.name}, ${plan.steps.length} step${plan.steps.length === 1 ? "" : "s"}, ${plan.inputs.map(c => c.name).join(", ")} → ${plan.outputs.map(o => o.schema.name).join(", ")}\n`,
      );
    }
  }
  // Output for tools is on stdout; messages for people are on stderr.
  const to = format === "pretty" ? process.stderr : process.stdout;
  to.write(formatDiagnostics(diagnostics, format, { color: wantsColor(process.stderr) }));
  if (advice !== undefined) process.stderr.write(`note: ${advice}\n`);
  process.exitCode = diagnostics.some(d => d.severity === "error") ? 1 : 0;
  return { files: [...read] };
}
