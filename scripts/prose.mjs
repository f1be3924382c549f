/**
 * `npm run prose`: checks the texts that people read by the rules of `prose/rules.mjs`. It prints a table, and fails if an area has more faults
 * of a rule than `prose/counts.json` allows. `--list RULE` (or `all`) prints the places, `--folder` and `--kind` restrict both, `--update`
 * stores counts that fell, and `--commits RANGE` checks subjects of commits.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { faultsOf, RULES, wordsOf } from "./prose/rules.mjs";
import { sentencesOf, textsOf } from "./prose/texts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COUNTS = fileURLToPath(new URL("prose/counts.json", import.meta.url));
const KINDS = ["docs", "headings", "help", "flags", "messages", "pages", "docstrings", "comments", "tests"];

const areaOf = file => (file.includes("/") ? file.slice(0, file.indexOf("/")) : "root");

/** Messages in Triton's sources that no recorded answer has. */
const UNRECORDED = [
  /^circular dependency between ensembles: /, // core, src/ensemble_scheduler/ensemble_utils.cc
  /the model expects ◇ dimensions \(shape/, // onnxruntime_backend, src/onnxruntime_utils.cc
  /for the model to support batching the shape should have at least 1 dimension/, // the same
];

/** Every answer recorded from a Triton server: messages that clients of Triton match are the same byte for byte. */
let recorded;
function isTritons({ kind, file, text }) {
  if (kind !== "messages" || !/^(runtime|triton-protos|contract|cli\/tritonserver)\//.test(file)) return false;
  const own = join(ROOT, "tests/conformance/data");
  recorded ??= readdirSync(own, { recursive: true })
    .filter(name => /\.(gz|txt|mjs)$/.test(name))
    .map(name => {
      const bytes = readFileSync(join(own, name));
      return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().replaceAll('\\"', '"');
    })
    .join("\n");
  const parts = text.split("◇").filter(part => part.trim().length > 3);
  if (UNRECORDED.some(expression => expression.test(text))) return true;
  return parts.some(part => part.length > 12) && parts.every(part => recorded.includes(part));
}

/** @returns the faults of the tree with their places, and its words by kind */
export function readTree({ root = ROOT, folder = "", kinds = KINDS } = {}) {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  const faults = [];
  const words = Object.fromEntries(KINDS.map(kind => [kind, 0]));
  for (const file of new Set(files.split("\n")))
    if (file.startsWith(folder))
      for (const text of textsOf(root, file).filter(one => !isTritons(one)))
        for (const { line, sentence, kind } of sentencesOf(text)) {
          if (!kinds.includes(kind)) continue;
          words[kind] += wordsOf(sentence).length;
          for (const rule of RULES)
            for (const index of faultsOf(rule, sentence, kind))
              faults.push({ rule: rule.name, kind, file, line, sentence, index });
        }
  return { faults, words };
}

/** Faults by area and rule, as `counts.json` has them. */
export function countsOf(faults) {
  const counts = {};
  for (const { file, rule } of faults) {
    counts[areaOf(file)] ??= {};
    const area = counts[areaOf(file)];
    area[rule] = (area[rule] ?? 0) + 1;
  }
  const sorted = record => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
  return sorted(Object.fromEntries(Object.entries(counts).map(([area, rules]) => [area, sorted(rules)])));
}

export const storedCounts = () => JSON.parse(readFileSync(COUNTS, "utf8"));

/** Areas and rules with more faults than stored, as lines that name both figures and the command that lists the places. */
export function risen(counts, stored = storedCounts()) {
  return Object.entries(counts).flatMap(([area, rules]) =>
    Object.entries(rules).flatMap(([rule, count]) => {
      const most = stored[area]?.[rule] ?? 0;
      const folder = area === "root" ? "" : ` --folder ${area}`;
      return count > most
        ? [`${area}: ${count} of ${rule}, at most ${most}: npm run prose -- --list ${rule}${folder}`]
        : [];
    }),
  );
}

function printTable({ faults, words }) {
  const kinds = KINDS.filter(kind => words[kind] > 0);
  const per = (count, kind) => (count === 0 ? "·" : `${count} ${((count * 1000) / words[kind]).toFixed(1)}`);
  const rows = [
    ["", ...kinds, "all"],
    ["words", ...kinds.map(kind => words[kind]), kinds.reduce((sum, kind) => sum + words[kind], 0)],
    ...RULES.map(({ name }) => {
      const own = faults.filter(({ rule }) => rule === name);
      return [name, ...kinds.map(kind => per(own.filter(fault => fault.kind === kind).length, kind)), own.length];
    }),
    ["all", ...kinds.map(kind => per(faults.filter(fault => fault.kind === kind).length, kind)), faults.length],
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map(row => String(row[i]).length)));
  for (const row of rows)
    process.stdout.write(
      `${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : String(cell).padStart(widths[i]))).join("  ")}\n`,
    );
  process.stdout.write("\nEach cell has the number of faults and their rate per 1,000 words.\n");
}

function main() {
  const { values } = parseArgs({
    options: {
      list: { type: "string", multiple: true },
      folder: { type: "string" },
      kind: { type: "string", multiple: true },
      update: { type: "boolean" },
      commits: { type: "string" },
    },
  });
  if (values.commits) return checkCommits(values.commits);
  const tree = readTree({ folder: values.folder, kinds: values.kind });
  if (values.list) {
    const wanted = values.list.includes("all") ? RULES.map(({ name }) => name) : values.list;
    for (const rule of wanted.map(
      name => RULES.find(one => one.name === name) ?? fail(`no rule ${name}: ${RULES.map(one => one.name).join(", ")}`),
    )) {
      process.stdout.write(`${rule.name}: ${rule.why} Instead: ${rule.instead}\n`);
      for (const { file, line, kind, sentence } of tree.faults.filter(fault => fault.rule === rule.name))
        process.stdout.write(`  ${file}:${line} ${kind}: ${sentence}\n`);
    }
    return;
  }
  printTable(tree);
  if (!values.folder && !values.kind) {
    const counts = countsOf(tree.faults);
    // Without stored counts, as after a merge of two sets of them, the present ones are the start.
    const above = values.update && !existsSync(COUNTS) ? [] : risen(counts);
    if (values.update && above.length === 0) writeFileSync(COUNTS, `${JSON.stringify(counts, null, 2)}\n`);
    if (above.length > 0) fail(`\n${above.join("\n")}`);
  }
}

function checkCommits(range) {
  const subjects = execFileSync("git", ["log", "--no-merges", "--format=%s", range], { cwd: ROOT, encoding: "utf8" });
  const wrong = subjects
    .split("\n")
    .filter(one => one !== "" && (one.length > 72 || !/^[a-z][\w, .-]*: [a-z]/.test(one)));
  if (wrong.length > 0) fail(`Write "area: imperative" in at most 72 characters:\n${wrong.join("\n")}`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
