/** `merlon migrate FILES --to FORM`: converts programs between their forms. */
import { relative } from "node:path";
import { Command, Option } from "commander";
import { PROGRAM_FILES, type ProgramKind } from "../compiler/1-rewrite/file-form.js";
import type { MigrationTarget } from "../compiler/migrate/migrate.js";
import { printTable } from "./print-table.js";

interface Options {
  readonly to: MigrationTarget;
  readonly kind?: ProgramKind;
  readonly dryRun?: boolean;
}

export const migrateCommand = (): Command =>
  new Command("migrate")
    .description("convert programs between .merlon files, TypeScript files and the method form")
    .argument("<files...>", PROGRAM_FILES)
    .addOption(
      new Option(
        "--to <form>",
        "target form (merlon: NAME.merlon, ts: NAME.ensemble.ts or NAME.workflow.ts, methods: method calls)",
      )
        .choices(["merlon", "ts", "methods"])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--kind <kind>", "kind of files without a default-exported program").choices(["ensemble", "workflow"]),
    )
    .option("--dry-run", "print the table and write nothing")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon migrate recommend.ensemble.ts ranking.workflow.ts --to merlon
  $ merlon migrate recommend.merlon --to ts
  $ merlon migrate *.ensemble.ts --to methods        # plain TypeScript, for an editor without operators

Comments and layout stay, imports of a renamed file are corrected in its package, and no file is overwritten.
Operators are not made of methods.`,
    )
    .action(async (files: string[], { to, kind, dryRun = false }: Options) => {
      const [{ migrate }, { writeChanges }] = await Promise.all([
        import("../compiler/migrate/migrate.js"),
        import("../compiler/migrate/write-changes.js"),
      ]);
      const changes = migrate(files, { to, ...(kind && { kind }) });
      if (!dryRun) writeChanges(changes);
      const here = (path: string): string => relative(process.cwd(), path);
      const rows = changes.map(({ from, to, what }) => [here(from), here(to), what.join(", ")]);
      process.stdout.write(
        rows.length === 0 ? "Nothing to convert.\n" : printTable([["file", "becomes", "change"], ...rows]),
      );
    });
