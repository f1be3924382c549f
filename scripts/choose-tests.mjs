// The words of `npm test` → test files, and options of vitest.
import { isApart, isLong, isNamed } from "../tests/run/long-files.mjs";

/**
 * Words up to the first option choose files by their path; without such words it is a whole run, of all files with `--all`. Files with a run of
 * their own wait for `--apart`, or a word that means their name.
 * @param words of the command line @param all paths of all test files @param needsOf path → needs of the file
 * @returns `{ files, options, isWhole, left }`: `left` are the files that wait for `--all` or `--apart`
 */
export function chooseTests(words, all, needsOf) {
  const [isAll, withApart] = [words.includes("--all"), words.includes("--apart")];
  const others = words.filter(word => word !== "--all" && word !== "--apart");
  const first = others.findIndex(word => word.startsWith("-"));
  const [patterns, options] = first < 0 ? [others, []] : [others.slice(0, first), others.slice(first)];
  if (isAll && patterns.length > 0) throw new Error(`--all runs every test file: leave out ${patterns.join(" ")}`);
  const isWhole = others.every(word => word.startsWith("--shuffle") || word === "--reverse");
  const isChosen = file => patterns.length === 0 || patterns.some(pattern => file.includes(pattern));
  const waits = file => {
    const needs = needsOf(file);
    if (isApart(file, needs)) return !withApart && !patterns.some(pattern => isNamed(file, pattern));
    return !isAll && patterns.length === 0 && isLong(file, needs);
  };
  const chosen = all.filter(isChosen);
  if (chosen.length === 0) throw new Error(`no test file's path contains ${patterns.join(" or ")}`);
  const left = chosen.filter(waits);
  const waiting = new Set(left);
  return { files: chosen.filter(file => !waiting.has(file)), options, isWhole, isAll, left };
}
