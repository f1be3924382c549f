// The words of `npm test` → test files, and options of vitest.
import { isLong } from "../tests/run/long-files.mjs";

/**
 * Words up to the first option choose files by their path; without such words it is a whole run, of all files with `--all`.
 * @param words of the command line @param all paths of all test files @param needsOf path → needs of the file
 * @returns `{ files, options, isWhole, left }`: `left` are the files that wait for `--all`
 */
export function chooseTests(words, all, needsOf) {
  const isAll = words.includes("--all");
  const others = words.filter(word => word !== "--all");
  const first = others.findIndex(word => word.startsWith("-"));
  const [patterns, options] = first < 0 ? [others, []] : [others.slice(0, first), others.slice(first)];
  if (isAll && patterns.length > 0) throw new Error(`--all runs every test file: leave out ${patterns.join(" ")}`);
  const isWhole = others.every(word => word.startsWith("--shuffle") || word === "--reverse");
  const left = isAll || patterns.length > 0 ? [] : all.filter(file => isLong(file, needsOf(file)));
  const chosen = patterns.length > 0 ? all.filter(file => patterns.some(pattern => file.includes(pattern))) : all;
  if (chosen.length === 0) throw new Error(`no test file's path contains ${patterns.join(" or ")}`);
  const waiting = new Set(left);
  return { files: chosen.filter(file => !waiting.has(file)), options, isWhole, isAll, left };
}
