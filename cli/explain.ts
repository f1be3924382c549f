/** `merlon explain TARGET`: shows a plan; `merlon explain --diff A B` shows what changed from one to another. */

import { writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { ExplainFormat, PassName } from "../compiler/index.js";
import { writeNamed } from "../contract/files/file-fault.js";
import { wantsColor } from "../contract/wants-color.js";
import { offOption } from "./off-option.js";
import { type TritonFlags, tritonOptions } from "./triton-options.js";

interface Options extends Omit<TritonFlags, "date"> {
  readonly format: ExplainFormat;
  readonly diff?: boolean;
  readonly out?: string;
  readonly off?: PassName[];
}

export const explainCommand = (): Command =>
  new Command("explain")
    .description("show a plan: its steps, columns, who reads them, what the passes did")
    .argument(
      "<targets...>",
      "*.ensemble.ts, *.workflow.ts, *.merlon, plan.json, or a model repository; with --diff two of them",
    )
    .addOption(
      new Option("--format <format>", "output format (html: a page with graph, column lineage and search)")
        .choices(["text", "mermaid", "json", "html"])
        .default("text"),
    )
    .option("-o, --out <file>", "write there instead of to the terminal")
    .option("--diff", "show changes since another target (exit status 1 if any)")
    .addOption(
      new Option("--target <target>", "triton: the models that `merlon build --target triton` would write").choices([
        "merlon",
        "triton",
      ]),
    )
    .option("--fuse", "of --target triton: as one graph")
    .option("--triton-release <yy.mm>", "of --target triton")
    .addOption(new Option("--ivf <search>", "of --target triton").choices(["probe", "exact"]))
    .addOption(new Option("--features <from>", "of --target triton").choices(["frozen", "inputs"]))
    .addOption(offOption())
    .addHelpText(
      "after",
      `
Examples:
  $ merlon explain recommend.ensemble.ts
  $ merlon explain model-repo --format html --out plan.html
  $ merlon explain recommend.ensemble.ts --off pruneColumns
  $ merlon explain recommend.ensemble.ts --target triton
  $ merlon explain --diff model-repo recommend.ensemble.ts`,
    )
    .action(async (targets: string[], options: Options) => {
      const { explain, explainDiff, explainTriton, printDiagnostics } = await import("../compiler/index.js");
      const { format, diff, out } = options;
      const settings = { format, color: out === undefined && wantsColor(process.stdout), off: new Set(options.off) };
      if (diff ? targets.length !== 2 : targets.length !== 1)
        throw new Error(
          `explain takes ${diff ? "two targets with --diff" : "one target"}; you gave ${targets.length}.`,
        );
      const [first, second] = targets as [string, string];
      const triton = await tritonOptions(options);
      const explained = diff
        ? await explainDiff(first, second, settings)
        : triton
          ? await explainTriton(first, settings, triton)
          : await explain(first, settings);
      if (!explained.ok) {
        process.stderr.write(printDiagnostics(explained.diagnostics, { color: wantsColor(process.stderr) }));
        process.exitCode = 1;
        return;
      }
      if (out === undefined) process.stdout.write(explained.text);
      else writeNamed(out, path => writeFileSync(path, explained.text));
      if ("equal" in explained && !explained.equal) process.exitCode = 1;
    });
