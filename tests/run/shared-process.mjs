/**
 * Which test files share a process, one after another. A process and the modules of the product cost more CPU time than most tests do.
 * These files need the packages alone. An operator's may need the build too. A file has a process of its own if its text has a word with which it
 * may change or measure the process. Uses Node's own modules only.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./graph.mjs";

const STATE = [
  /\bvi\.(?:mock|doMock|hoisted|spyOn|stub\w+|useFakeTimers|setConfig)\b/,
  /\bprocess\.(?:env|on|once|emit|exit|chdir|umask|title)\b/,
  /\bglobalThis\b|\bprototype\b/,
  /\bmemoryUsage\b|\bgc\(|\bcpuUsage\b|\bresourceUsage\b|\bperformance\.now\b/,
];
/** The tests of the tests, and whole suites that start programs. */
const ALONE = ["tests/run/", "tests/walls/", "tests/mutation/", "tests/scorecard/", "tests/compiler/"];

/**
 * @param file relative to the tree
 * @param needs of the file
 */
export function sharesProcess(file, needs, text = readFileSync(join(ROOT, file), "utf8")) {
  const isPure = needs.length === 0 || (file.startsWith("operators/") && needs.join() === "built");
  return isPure && !ALONE.some(folder => file.startsWith(folder)) && !STATE.some(words => words.test(text));
}
