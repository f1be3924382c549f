/** Orders from `npm run mutate` to the runs of Vitest that it starts, and the journal that these write. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef Orders
 * @property {string} instrumented folder with the sources that have mutants, by their path in the tree
 * @property {string} journal
 * @property {readonly string[]} files tests, in the order in which they run
 * @property {Readonly<Record<string, number>>} [durations] milliseconds of each test without a mutant
 * @property {Readonly<Record<string, readonly string[]>>} [byTest] mutants of each test; absent: those that it reaches are noted
 */

/**
 * A note also has the `pid` of its process.
 * `late` is a mutant whose test timed out while it waited for a core: it runs alone.
 * `passed` names a test; it shows progress. `spent` names one that fails since the mutant `by` ran; its other mutants have not run.
 * @typedef {{ readonly spent: string, readonly by?: string | undefined }} Spent
 * @typedef {{ readonly began: string, readonly test: string } | { readonly killed: string } | { readonly late: string } | { readonly passed: string } | Spent | { readonly ended: true } | Reached} Note
 * @typedef Reached
 * @property {string} file
 * @property {readonly string[]} once mutants that are reached outside of tests: by imports and hooks
 * @property {Readonly<Record<string, readonly string[]>>} tests mutants that each test reaches
 * @property {Readonly<Record<string, number>>} durations milliseconds of each test, without those in which it waited for a core
 * @property {readonly string[]} failed errors of tests that fail without a mutant
 */

/** @param {string} instrumented @returns the folder of their modules as Vitest keeps them */
export const modulesOf = instrumented => join(instrumented, "..", "modules");

/** @param {string} journal @returns {Note[]} without a line that was cut short */
export function notesIn(journal) {
  if (!existsSync(journal)) return [];
  return readFileSync(journal, "utf8")
    .split("\n")
    .flatMap(line => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}
