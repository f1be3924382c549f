/** `merlon build FILE --out DIR`: compiles an ensemble to a model repository. */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { Command, Option } from "commander";
import type { Built, Layout, Names, PassName } from "../compiler/index.js";
import { offOption } from "./off-option.js";
import { tritonOptions } from "./triton-options.js";
import type { Round } from "./watch.js";

interface Options {
  readonly out: string;
  readonly layout: Layout;
  readonly names?: Names;
  readonly off?: PassName[];
  readonly watch?: boolean;
  readonly target: "merlon" | "triton";
  readonly fuse?: boolean;
  readonly tritonRelease?: string;
  readonly ivf?: "probe" | "exact";
  readonly features?: "frozen" | "inputs";
  readonly date?: string;
  readonly check: boolean;
}

export const buildCommand = (): Command =>
  new Command("build")
    .description("compile an ensemble to a Triton model repository")
    .argument(
      "<file>",
      "*.ensemble.ts or *.merlon, or the folder of a fitted workflow, which becomes a model of its own",
    )
    .option("-o, --out <folder>", "model repository to write; other models in it stay", "model-repo")
    .option("-w, --watch", "build again whenever a file or an artefact changes")
    .addOption(
      new Option(
        "--layout <layout>",
        "executor: one model runs the plan; ensemble: one model per step, scheduled by Triton's ensemble",
      )
        .choices(["executor", "ensemble"])
        .default("executor"),
    )
    .addOption(
      new Option(
        "--names <names>",
        "merlin: the entry is executor_model, with the tensors of Merlin's executor",
      ).choices(["merlon", "merlin"]),
    )
    .addOption(
      new Option(
        "--target <target>",
        "merlon: Merlon serves it; triton: ONNX models and ensembles alone, which a stock Triton serves too",
      )
        .choices(["merlon", "triton"])
        .default("merlon"),
    )
    .option("--fuse", "of --target triton: the whole ensemble in one ONNX graph, models inlined")
    .option("--triton-release <yy.mm>", "of --target triton: the release that is to run it (default: 25.08)")
    .addOption(
      new Option(
        "--ivf <search>",
        "of --target triton: search an IVF index as FAISS does, or exactly (default: probe)",
      ).choices(["probe", "exact"]),
    )
    .addOption(
      new Option(
        "--features <from>",
        "of --target triton: freeze the features of stores as they are now, or take a user's from the request (default: frozen)",
      ).choices(["frozen", "inputs"]),
    )
    .option(
      "--date <date>",
      "of --target triton: as of when features are frozen, for `ttl` and frozen.json (default: $SOURCE_DATE_EPOCH, else now)",
    )
    .option("--no-check", "of --target triton: without asking kernels and graphs the same first")
    .addOption(offOption())
    .addHelpText(
      "after",
      `
Examples:
  $ merlon build examples/shop/recommend.ensemble.ts --out model-repo
  $ merlon build --watch recommend.ensemble.ts
  $ merlon build recommend.ensemble.ts --layout ensemble --out stages
  $ merlon build recommend.ensemble.ts --target triton --out triton-repo          # a graph per step
  $ merlon build recommend.ensemble.ts --target triton --fuse --out triton-repo   # one graph
  $ merlon build recommend.ensemble.ts --names merlin    # for a client written for Merlin's executor_model

The repository is replaced in one step: after an error or a kill the old one is still there. A server that polls it
(\`--model-control-mode poll\`) takes each build up.`,
    )
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
  process.stderr.write(printDiagnostics(compiled.diagnostics, { color: process.stderr.isTTY === true }));
  if (!compiled.ok) {
    process.exitCode = 1;
    return { files };
  }
  if (compiled.plan.kind === "workflow")
    throw new Error(
      `${file} is a workflow: fit it with \`merlon fit ${file} --data … --out …\`, and use it in an ensemble.`,
    );
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
    process.stderr.write(printDiagnostics(said, { color: process.stderr.isTTY === true }));
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

function table(models: readonly { name: string; backend: string; files: number; bytes: number }[]): string {
  const width = Math.max(...models.map(m => m.name.length));
  return models
    .map(
      m =>
        `  ${m.name.padEnd(width)}  ${m.backend.padEnd(11)}  ${String(m.files).padStart(3)} files  ${(m.bytes / 1024).toFixed(0).padStart(7)} KiB\n`,
    )
    .join("");
}
