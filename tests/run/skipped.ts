/** A reporter that ends a run with the skipped tests and their reasons, one per line. Thus a skip is never taken for a pass. */
import { relative } from "node:path";
import type { Reporter, TestModule, Vitest } from "vitest/node";
import { ROOT } from "./graph.mjs";

export default class SkippedReporter implements Reporter {
  private vitest?: Vitest;

  onInit(vitest: Vitest): void {
    this.vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // `-t` and `only` leave out everything else, on purpose.
    if (this.vitest?.config.testNamePattern) return;
    const lines = modules.flatMap(module =>
      [...module.children.allTests("skipped")].map(test => {
        const result = test.result();
        const why = (result.state === "skipped" && result.note) || "no reason given";
        return `  ${relative(ROOT, module.moduleId)}: ${test.fullName}: ${why}\n`;
      }),
    );
    if (lines.length > 0) process.stdout.write(`\nSkipped:\n${lines.join("")}`);
  }
}
