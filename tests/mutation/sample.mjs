/**
 * Stryker can restrict mutants to a range of a file, which also has all that are nested in it. This checker runs exactly those of a list: the
 * others have Stryker's status `CompileError`, and no test runs for them.
 */
import { readFileSync } from "node:fs";
import { keyOf } from "./mutants.mjs";

export const OUTSIDE = "outside the sample";

class SampleChecker {
  #sample = new Set();

  async init() {
    this.#sample = new Set(JSON.parse(readFileSync(process.env.MERLON_MUTATION_SAMPLE, "utf8")));
  }

  async check(mutants) {
    const verdict = mutant =>
      this.#sample.has(keyOf(mutant)) ? { status: "passed" } : { status: "compileError", reason: OUTSIDE };
    return Object.fromEntries(mutants.map(mutant => [mutant.id, verdict(mutant)]));
  }

  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }
}

export const strykerPlugins = [{ kind: "Checker", name: "sample", injectableClass: SampleChecker }];
