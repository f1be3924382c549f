/**
 * Which test files share a process, one after another. A process and the modules of the product cost more CPU time than most tests do.
 * These files need the packages alone. An operator's, the command line's or the runtime's may need the build too. A file that takes long has a
 * process of its own. So has one whose text has a word with which it may change or measure the process. Uses Node's own modules only.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./graph.mjs";
import { LONG } from "./long-files.mjs";

const STATE = [
  /\bvi\.(?:mock|doMock|hoisted|spyOn|stub\w+|useFakeTimers|setConfig)\b/,
  /\bprocess\.(?:env|on|once|emit|exit|chdir|umask|title)\b/,
  /\bglobalThis\b|\bprototype\b/,
  /\bmemoryUsage\b|\bgc\(|\bcpuUsage\b|\bresourceUsage\b|\bperformance\.now\b/,
  // The addon keeps its constructors for the thread that loaded it last: a server's thread and a test cannot both load it.
  /\bfaiss-(?:node|calls)\b|\bresetModules\b/,
  /\bbufferPool\b|\bgetActiveResourcesInfo\b|\/proc\/self\b/,
];
/** The tests of the tests, and whole suites that start programs. */
const ALONE = ["tests/run/", "tests/walls/", "tests/mutation/", "tests/scorecard/", "tests/compiler/"];
/** Their files may start workers and servers. */
const WITH_BUILD = ["operators/", "tests/cli/", "tests/runtime/"];
const long = new Set(LONG);

/**
 * @param file relative to the tree
 * @param needs of the file
 */
export function sharesProcess(file, needs, text = readFileSync(join(ROOT, file), "utf8")) {
  const isBuilt = needs.join() === "built" && WITH_BUILD.some(folder => file.startsWith(folder));
  return (
    (needs.length === 0 || isBuilt) &&
    !long.has(file) &&
    !ALONE.some(folder => file.startsWith(folder)) &&
    !STATE.some(words => words.test(text))
  );
}
