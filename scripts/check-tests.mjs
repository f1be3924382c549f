// Type-checks the tests (tests/type-check.json). Files of tests/unchecked-types.json may have errors. A file that is not listed and has one
// fails the check, and so does a listed file without any: the list only shrinks. `--write` writes the list anew.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

const LIST = join(ROOT, "tests", "unchecked-types.json");
const TSC = join(ROOT, "node_modules", "@typescript", "native", "bin", "tsc");

/** @returns the compiler's messages by file, each with the lines that explain it */
function errorsByFile() {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [TSC, "-p", join("tests", "type-check.json"), "--pretty", "false"],
    { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  const errors = new Map();
  let last;
  for (const line of stdout.split("\n")) {
    const [, file] = /^([^\s(][^(]*)\(\d+,\d+\): error TS/.exec(line) ?? [];
    if (file !== undefined) {
      last = errors.get(file) ?? [];
      errors.set(file, last);
    }
    if (line !== "") last?.push(line);
  }
  // An error without a file is one of the configuration.
  if (status !== 0 && errors.size === 0) throw new Error(`tsc ended with ${status}: ${stdout}${stderr}`);
  return errors;
}

const errors = errorsByFile();
const found = [...errors.keys()].sort();
if (process.argv.includes("--write")) writeFileSync(LIST, `${JSON.stringify(found, null, 2)}\n`);
const listed = new Set(JSON.parse(readFileSync(LIST, "utf8")));
const fresh = found.filter(file => !listed.has(file));
const clean = [...listed].filter(file => !errors.has(file));
for (const file of fresh) process.stdout.write(`${errors.get(file).join("\n")}\n`);
for (const file of clean)
  process.stdout.write(`${file} has no type errors: remove it from tests/unchecked-types.json.\n`);
process.stdout.write(`${listed.size} files of tests are not checked for types\n`);
process.exitCode = fresh.length + clean.length > 0 ? 1 : 0;
