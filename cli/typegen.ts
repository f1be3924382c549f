/** `merlon typegen`: writes the columns of the artefacts that programs name, for the editor; or the models of a server or repository, for the client. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Command } from "commander";
import { isMerlonFile, PROGRAM_FILES } from "../compiler/1-rewrite/file-form.js";
import { readNamed, writeNamed } from "../contract/files/file-fault.js";
import { withClient } from "./client/connection.js";

interface Options {
  readonly out?: string;
  readonly check?: boolean;
  readonly server?: string;
  readonly modelRepository?: string;
}

export const typegenCommand = (): Command =>
  new Command("typegen")
    .description(
      "write merlon-env.d.ts: the columns of the ONNX graphs, workflows, stores and indexes that programs name",
    )
    .argument("[files...]", `${PROGRAM_FILES}; by default all below this folder`)
    .option("-o, --out <file>", "file to write, in the editor's project (merlon-env.d.ts; merlon-models.ts for models)")
    .option("--server <url>", "types of a live server's models, for merlon/client (.d.ts: types only)")
    .option("--model-repository <folder>", "write the types of a repository's models instead")
    .option("--check", "only check (exit status 1 if the file is stale)")
    .addHelpText(
      "after",
      '\nExamples:\n  $ merlon typegen\n  $ merlon typegen --model-repository model-repo --out recommend-models.ts\n  $ merlon typegen --server grpc://localhost:8001\n\nFrom then on the editor completes the columns of `queryFeast("features", …)` and similar nodes, and reports a missing\ncolumn. `merlon check` says when the file is stale; `merlon build` refreshes it.',
    )
    .action(async (files: string[], options: Options) => {
      if (options.server !== undefined || options.modelRepository !== undefined) return writeModels(options);
      const { out = "merlon-env.d.ts", check } = options;
      const { typegen, writeEnvironment } = await import("../compiler/index.js");
      const programs = files.length ? files : findPrograms(".");
      if (programs.length === 0)
        throw new Error(
          "there is no *.ensemble.ts, *.workflow.ts or *.merlon below this folder. Name the files, or go there.",
        );
      const made = typegen(programs, out);
      const where = relative(process.cwd(), made.file);
      for (const { program, message } of made.unreadable)
        process.stderr.write(`warning: ${program}: no types: ${message.message}\n  ${message.help}\n`);
      for (const [path, owners] of made.ambiguous)
        process.stderr.write(
          `warning: \`${path}\` is something else in each of ${owners.join(", ")}: it has no types. Give one of them another path, or run typegen in each folder.\n`,
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

/** Types for `merlon/client`. */
async function writeModels({ out = "merlon-models.ts", check, server, modelRepository }: Options): Promise<void> {
  const { modelsOfRepository, modelsOfServer, printModels } = await import("./client/models-file.js");
  const from = server === undefined ? `--model-repository ${modelRepository}` : `--server ${server}`;
  const { models, left } =
    server === undefined
      ? await modelsOfRepository(modelRepository!)
      : await withClient({ url: server, deadline: 10_000 }, async client => ({
          models: await modelsOfServer(client),
          left: [],
        }));
  for (const reason of left) process.stderr.write(`warning: no types for ${reason}\n`);
  const text = printModels(models, out, from);
  const isFresh = existsSync(out) && readNamed("--out", out, path => readFileSync(path, "utf8")) === text;
  if (check) {
    process.stdout.write(isFresh ? `✔ ${out} is up to date\n` : `✘ ${out} is stale: run \`merlon typegen ${from}\`\n`);
    process.exitCode = isFresh ? 0 : 1;
    return;
  }
  if (!isFresh) writeNamed(out, path => writeFileSync(path, text));
  const count = Object.keys(models).length;
  const use = out.endsWith(".d.ts") ? "connect<Models>(url)" : "connect<Models>(url, { models })";
  process.stdout.write(
    `✔ ${isFresh ? `${out} was up to date` : `Wrote ${out}`}: ${count} model${count === 1 ? "" : "s"}\n  use it: ${use}\n`,
  );
}

/** Programs below a folder, dependencies and hidden folders left out. */
function findPrograms(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => !entry.name.startsWith(".") && !["node_modules", "dist"].includes(entry.name))
    .flatMap(entry => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return findPrograms(path);
      return isMerlonFile(entry.name) ? [path] : [];
    })
    .sort();
}
