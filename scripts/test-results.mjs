// Counts and failures of a run of `npm test`. Records are those of vitest's JSON.
import { relative } from "node:path";
import { ROOT } from "./setup.mjs";

export const hasFailed = ({ status }) => status === "failed";

const oneLine = text => text.replaceAll(/\s*\n\s*/g, " ");

/** The line of the test's file that failed, as `:LINE`, or "" for a message without a stack. */
const lineIn = (name, message = "") => {
  const place = message.split("\n").find(line => /^\s+at /.test(line) && line.includes(`${relative(ROOT, name)}:`));
  return place?.match(/(:\d+):\d+\)?$/)?.[1] ?? "";
};

/** @param alone names of the files that passed alone @returns a text for each failed test of files: file, line, name and message */
export const failuresOf = (files, alone = new Set()) =>
  files.filter(hasFailed).flatMap(({ name, message, assertionResults }) => {
    const path = relative(ROOT, name);
    const note = alone.has(name) ? " (passes alone)" : "";
    const failed = assertionResults.filter(hasFailed);
    if (failed.length === 0) return [`${path}${note}: ${message}`];
    return failed.map(
      ({ fullName, failureMessages: [reason = ""] }) =>
        `${path}${lineIn(name, reason)}${note}: ${oneLine(fullName)}: ${reason}`,
    );
  });

/** A file that does not load is a failure of its own. */
export function countsOf(file) {
  const of = (...statuses) => file.assertionResults.filter(({ status }) => statuses.includes(status)).length;
  const failures = Math.max(of("failed"), hasFailed(file) ? 1 : 0);
  return { passed: of("passed"), failures, skipped: of("skipped", "pending") };
}

/** More failed files than these are not an accident of a loaded machine. */
export const AGAIN = 6;

/**
 * Runs each failed file once more, alone. The first failure counts whatever the second run finds. The second run shows where to look: a test that passes
 * alone met other tests, a loaded machine, or a fault that appears at times.
 * @param runAlone path of a file → vitest's record of it
 * @returns names of the files that passed alone
 */
export async function passingAlone(files, runAlone) {
  const failed = files.filter(hasFailed);
  const names = new Set();
  if (failed.length > AGAIN) return names;
  for (const { name } of failed) {
    const again = await runAlone(name);
    if (again && !hasFailed(again)) names.add(name);
  }
  return names;
}

const LISTED = 40;
const LONGEST_LINE = 300;

/** The first line of a failure; with seed, path and counterexample if a property failed. */
const shortOf = text => {
  const [first, ...rest] = text.split("\n");
  const repeats = first.includes("Property failed")
    ? rest.filter(line => /^(\{ seed:|Counterexample:)/.test(line))
    : [];
  return [first, ...repeats].map(line => line.slice(0, LONGEST_LINE)).join(" ");
};

/** A long log is read from its end: its last lines name what failed. */
export function lastLines(texts) {
  const lines = texts.slice(0, LISTED).map(shortOf);
  if (texts.length > LISTED) lines.push(`✘ and ${texts.length - LISTED} more`);
  return lines.map(line => `${line}\n`).join("");
}
