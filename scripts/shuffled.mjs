// `--shuffle[=SEED]` and `--reverse` of `npm test` in vitest's words. Files and their tests run in random order, or the tests of each file from its end.
import { randomInt } from "node:crypto";

/** A mode for which vitest.config.ts has another runner. */
export const REVERSED = "--mode=reversed";

/** @param options of a run @returns vitest's; the seed is printed, so that the order can be had again @throws Error for two orders */
export function shuffled(options, print = text => process.stdout.write(text)) {
  const given = options.find(word => /^--shuffle(=\d+)?$/.test(word));
  if (options.includes("--reverse")) {
    if (given !== undefined) throw new Error(`--reverse and ${given} are two orders: leave out one`);
    return options.map(word => (word === "--reverse" ? REVERSED : word));
  }
  if (given === undefined) return options;
  const seed = given.split("=")[1] ?? String(randomInt(2 ** 31));
  print(`random order: --shuffle=${seed}\n`);
  const words = ["--sequence.shuffle.files", "--sequence.shuffle.tests", `--sequence.seed=${seed}`];
  return [...options.filter(word => word !== given), ...words];
}
