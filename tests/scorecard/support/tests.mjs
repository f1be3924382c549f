/**
 * Results of vitest files, by path: run here, or read from the report of a run that has just ended.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { startNeeds } from "../../../scripts/test-needs.mjs";
import { needsReader } from "../../run/graph.mjs";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const VITEST = join(ROOT, "node_modules", "vitest", "vitest.mjs");

/** Folders with test files: operators have theirs beside them. */
const FOLDERS = ["tests", "operators"];

/** @returns paths of test files that begin with one of the prefixes, and the prefixes of which there is none */
function filesOf(prefixes) {
  const all = FOLDERS.flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true }).map(path => `${folder}/${path}`),
  ).filter(path => path.endsWith(".test.ts"));
  return {
    files: all.filter(path => prefixes.some(prefix => path.startsWith(prefix))).sort(),
    without: prefixes.filter(prefix => !all.some(path => path.startsWith(prefix))),
  };
}

/** Sets up the needs of test files, as `npm test` does. @returns the environment of the tests */
async function environmentOf(files) {
  const read = needsReader();
  return startNeeds(new Set(files.flatMap(file => read(join(ROOT, file))))).all;
}

/** Runs vitest on files. @returns its `testResults` */
async function runFiles(files, env) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-scorecard-"));
  const report = join(folder, "vitest.json");
  const args = [VITEST, "run", "--maxWorkers", "1", "--reporter=json", `--outputFile.json=${report}`, ...files];
  try {
    const whole = { ...process.env, ...(await environmentOf(files)), MERLON_SET_UP: "before", ...env };
    await new Promise(resolve =>
      spawn(process.execPath, args, { cwd: ROOT, stdio: "ignore", env: whole }).on("exit", resolve),
    );
    return existsSync(report) ? JSON.parse(readFileSync(report, "utf8")).testResults : [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The path inside a checkout, or inside a copy of one. */
function insideCheckout(path) {
  const at = FOLDERS.map(folder => path.lastIndexOf(`/${folder}/`)).find(index => index >= 0) ?? -1;
  return path.slice(at + 1);
}

/** @param report path of vitest's JSON, if the whole suite has just run */
export function testRuns(report) {
  const known = new Map();
  const remember = results => {
    for (const { name, assertionResults } of results) known.set(relative(ROOT, name), assertionResults);
  };
  if (report && existsSync(report))
    // Tests of walls may have run in a copy of the checkout.
    for (const { name, assertionResults } of JSON.parse(readFileSync(report, "utf8")).testResults)
      known.set(insideCheckout(name), assertionResults);
  return {
    /**
     * @param prefixes of paths, as `tests/reliability/`
     * @param options `env` of a run of its own, `title` a pattern of names
     * @returns `{ passed, failed, total, failures }`; a file without a result is a failure, and so is a prefix without a file
     */
    async count(prefixes, { env, title } = {}) {
      const { files, without } = filesOf(prefixes);
      const missing = env ? files : files.filter(file => !known.has(file));
      if (missing.length > 0) {
        if (env) for (const file of missing) known.delete(file);
        remember(await runFiles(missing, env));
      }
      const failures = without.map(prefix => `${prefix}: no test file`);
      const counts = { passed: 0, failed: failures.length, total: 0, failures };
      for (const file of files) {
        const results = known.get(file);
        if (!results) {
          counts.failed++;
          counts.failures.push(`${file}: no result`);
        }
        for (const { status, fullName } of results ?? []) {
          if (title && !title.test(fullName)) continue;
          if (status === "passed") counts.passed++;
          else if (status === "failed" || status === "pending") {
            counts.failed++;
            counts.failures.push(`${file}: ${fullName}`);
          }
        }
      }
      counts.total = counts.passed + counts.failed;
      return counts;
    },
  };
}
