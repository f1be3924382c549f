/** `merlon build FILE --out DIR`: compiles an ensemble to a model repository. */

import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { Command, Option } from "commander";
import type { Built, Compiled, Layout, Names, PassName } from "../compiler/index.js";
import { wantsColor } from "../contract/wants-color.js";
import { offOption } from "./off-option.js";
import { type TritonFlags, tritonOptions } from "./triton-options.js";
import type { Round } from "./watch.js";

interface Options extends TritonFlags {
  readonly out: string;
  readonly layout: Layout;
  readonly names?: Names;
  readonly off?: PassName[];
  readonly watch?: boolean;
  readonly check: boolean;
  readonly checkStores?: true;
}

const EXAMPLES = `
Examples:
  $ merlon build examples/shop/recommend.ensemble.ts --out model-repo
  $ merlon build --watch recommend.ensemble.ts
  $ merlon build recommend.ensemble.ts --layout ensemble --out stages
  $ merlon build recommend.ensemble.ts --target triton --out triton-repo          # a graph per step
  $ merlon build recommend.ensemble.ts --target triton --fuse --out triton-repo   # one graph
  $ merlon build recommend.ensemble.ts --names merlin    # for a client written for Merlin's executor_model

The models of the program are replaced together. Other models of the repository stay, and a model of another program
is never replaced. After an error the repository is as before. A server that polls it (\`--model-control-mode poll\`)
takes each build up.`;

export const buildCommand = (): Command =>
  new Command("build")
    .description("compile an ensemble to a Triton model repository")
    .argument(
      "<file>",
      "*.ensemble.ts or *.merlon, or the folder of a fitted workflow, which becomes a model of its own",
    )
    .option("-o, --out <folder>", "model repository to write (its other models stay)", "model-repo")
    .option("-w, --watch", "rebuild if a file or artefact changes")
    .addOption(
      new Option(
        "--layout <layout>",
        "execution: executor (one model runs the plan) or ensemble (one model per step, scheduled by Triton's ensemble)",
      )
        .choices(["executor", "ensemble"])
        .default("executor"),
    )
    .addOption(
      new Option(
        "--names <names>",
        "interface of the entry model (merlin: executor_model with the tensors of Merlin's executor)",
      ).choices(["merlon", "merlin"]),
    )
    .addOption(
      new Option(
        "--target <target>",
        "server to build for: merlon, or triton (a stock Triton: ONNX models and ensembles alone)",
      )
        .choices(["merlon", "triton"])
        .default("merlon"),
    )
    .option("--fuse", "Triton: one ONNX graph of the whole ensemble (models inlined)")
    .option("--triton-release <yy.mm>", "Triton: release that runs the repository (default: 25.08)")
    .addOption(
      new Option(
        "--ivf <search>",
        "Triton: search of an IVF index (probe: the lists that FAISS probes; exact: all lists; default: probe)",
      ).choices(["probe", "exact"]),
    )
    .addOption(
      new Option(
        "--features <from>",
        "Triton: source of store features (frozen: their present values, inputs: from each request; default: frozen)",
      ).choices(["frozen", "inputs"]),
    )
    .option(
      "--date <date>",
      "Triton: time of frozen features (for `ttl` and frozen.json; default: $SOURCE_DATE_EPOCH, else now)",
    )
    .option("--no-check", "skip the checks that run models")
    .option("--check-stores", "compare vector databases with their files first")
    .addOption(offOption())
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, options: Options) => {
      if (existsSync(join(file, "workflow.json"))) {
        const { buildWorkflowModel } = await import("../compiler/index.js");
        const name = buildWorkflowModel(file, options.out, new Set(options.off));
        process.stdout.write(
          `✔ Built ${join(options.out, name)}\nServe it:\n  merlon serve --model-repository ${options.out}\n`,
        );
        return;
      }
      if (!options.watch) {
        await buildOnce(file, options);
        return;
      }
      const { watchFiles } = await import("./watch.js");
      await watchFiles("build", () => buildOnce(file, options));
    });

async function buildOnce(file: string, options: Options): Promise<Round> {
  const { out, layout, names, off = [] } = options;
  const triton = await tritonOptions(options);
  const started = performance.now();
  const { build, compile, loweringDiagnostics, NotLoweredError, printDiagnostics, refreshEnvironment } = await import(
    "../compiler/index.js"
  );
  const types = refreshEnvironment(file);
  if (types)
    process.stdout.write(`✔ Refreshed ${relative(process.cwd(), types)}: the types of artefacts in your editor\n`);
  const compiled = await compile(file, { off: new Set(off) });
  const { files } = compiled;
  process.stderr.write(printDiagnostics(compiled.diagnostics, { color: wantsColor(process.stderr) }));
  if (!compiled.ok) {
    process.exitCode = 1;
    return { files };
  }
  if (compiled.plan.kind === "workflow")
    throw new Error(
      `${file} is a workflow: fit it with \`merlon fit ${file} --data … --out …\`, and use it in an ensemble.`,
    );
  if (options.check && !(await modelsKeepRows(compiled))) return { files };
  if (options.checkStores) {
    const { checkStores } = await import("./check-stores.js");
    for (const note of await checkStores(compiled.plan, file)) process.stderr.write(`note: ${note}\n`);
  }
  let built: Built;
  try {
    const settings = { layout, ...(names && { names }) };
    if (triton && options.check) {
      const { checkLowered } = await import("./check-lowered.js");
      process.stderr.write(`note: ${await checkLowered(compiled, settings, triton)}\n`);
    }
    built = build(compiled, out, { ...settings, ...(triton && { triton }) });
  } catch (error) {
    if (!(error instanceof NotLoweredError)) throw error;
    const said = loweringDiagnostics(compiled, error);
    process.stderr.write(printDiagnostics(said, { color: wantsColor(process.stderr) }));
    process.exitCode = 1;
    return { files };
  }
  for (const note of built.notes) process.stderr.write(`note: ${note}\n`);
  const where = relative(process.cwd(), built.folder) || ".";
  process.stdout.write(
    `✔ Built ${where} in ${Math.round(performance.now() - started)} ms\n${table(built.models)}\nServe it:\n  merlon serve --model-repository ${where}\n`,
  );
  return { files };
}

/** Prints what is wrong with models whose rows depend on each other, and sets the exit code. */
async function modelsKeepRows(compiled: Compiled): Promise<boolean> {
  const { checkRows } = await import("./check-rows.js");
  const { printDiagnostics } = await import("../compiler/index.js");
  const { diagnostics, notes } = await checkRows(compiled);
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
  process.stderr.write(printDiagnostics(diagnostics, { color: wantsColor(process.stderr) }));
  if (diagnostics.length > 0) process.exitCode = 1;
  return diagnostics.length === 0;
}

function table(models: readonly { name: string; backend: string; files: number; bytes: number }[]): string {
  const width = Math.max(...models.map(m => m.name.length));
  return models
    .map(
      m =>
        `  ${m.name.padEnd(width)}  ${m.backend.padEnd(11)}  ${String(m.files).padStart(3)} files  ${(m.bytes / 1024).toFixed(0).padStart(7)} KiB\n`,
    )
    .join("");
}
