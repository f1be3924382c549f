// `--shuffle[=SEED]` of `npm test` in vitest's words: files, and the tests of each, in random order.
import { randomInt } from "node:crypto";

/** @param options of a run @returns vitest's; the seed is printed, so that the order can be had again */
export function shuffled(options, print = text => process.stdout.write(text)) {
  const given = options.find(word => /^--shuffle(=\d+)?$/.test(word));
  if (given === undefined) return options;
  const seed = given.split("=")[1] ?? String(randomInt(2 ** 31));
  print(`random order: --shuffle=${seed}\n`);
  const words = ["--sequence.shuffle.files", "--sequence.shuffle.tests", `--sequence.seed=${seed}`];
  return [...options.filter(word => word !== given), ...words];
}
