/** `merlon check FILES`: finds mistakes without writing anything. */
import { Command } from "commander";

export const checkCommand = (): Command =>
  new Command("check")
    .description("find mistakes in ensembles and workflows: columns, dtypes, artefacts")
    .argument("<files...>", "*.ensemble.ts and *.workflow.ts")
    .addHelpText(
      "after",
      "\nExample:\n  $ merlon check examples/shop/*.ensemble.ts\n\nExit status: 0 when nothing is wrong, 1 otherwise.",
    )
    .action(async (files: string[]) => {
      const { compile, printDiagnostics } = await import("../compiler/index.js");
      const diagnostics = [];
      for (const file of files) {
        const compiled = await compile(file);
        diagnostics.push(...compiled.diagnostics);
        if (compiled.ok) {
          const { plan } = compiled;
          process.stdout.write(
            `✔ ${plan.kind} ${plan.name}: ${plan.steps.length} steps, ${plan.inputs.map(c => c.name).join(", ")} → ${plan.outputs.map(o => o.schema.name).join(", ")}\n`,
          );
        }
      }
      process.stderr.write(printDiagnostics(diagnostics, { color: process.stderr.isTTY === true }));
      if (diagnostics.some(d => d.severity === "error")) process.exitCode = 1;
    });
