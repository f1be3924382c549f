/**
 * Runs mutants in two parts. First all of them run in one process for each test file, switched on and off between its tests. Then some of those that are left
 * run alone, from the first import on. Imports, hooks or slow tests reach these, or they ended their process.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../run/graph.mjs";
import { pathOf } from "./mutants.mjs";
import { notesIn } from "./orders.mjs";

const VITEST = join(ROOT, "node_modules", "vitest", "vitest.mjs");
/** Nothing is noted for this long where a mutant keeps its process busy. */
const SILENT_MS = 180_000;
/** A test that takes longer runs for the mutants that are left alone. */
const LONGEST_MS = 5000;
/** Time of a mutant alone: a fixed part, and this multiple of the time that the tests take without one. */
const [ALONE_MS, ALONE_TIMES] = [60_000, 10];

/** Runs Vitest until it ends, or the journal is silent for too long, or the time is over. @returns exit code; undefined for one that was ended */
function runTests(folder, orders, { env = {}, args = [], limit = Infinity } = {}) {
  const file = join(folder, "orders.json");
  writeFileSync(file, JSON.stringify(orders));
  return new Promise(done => {
    const began = performance.now();
    const child = spawn(
      process.execPath,
      [VITEST, "run", "--config", "tests/mutation/vitest.config.ts", "--reporter=dot", ...args],
      {
        ...{ cwd: ROOT, stdio: "ignore", detached: true },
        env: { ...process.env, MERLON_SET_UP: "before", MERLON_MUTATION: file, ...env },
      },
    );
    let ended = false;
    const timer = setInterval(() => {
      const noted = existsSync(orders.journal) ? statSync(orders.journal).mtimeMs : 0;
      const silent = Math.min(Date.now() - noted, performance.now() - began);
      const isLate = Number.isFinite(limit) ? performance.now() - began > limit : silent > SILENT_MS;
      if (!isLate) return;
      ended = true;
      // Its own group: Vitest's processes with it.
      process.kill(-child.pid, "SIGKILL");
    }, 500);
    child.on("exit", code => {
      clearInterval(timer);
      done(ended ? undefined : code);
    });
  });
}

/** Writes the sources with mutants. @returns the mutants with the number by which each is switched */
export async function instrument(instrumenter, mutants, folder) {
  rmSync(folder, { recursive: true, force: true });
  const byFile = Map.groupBy(mutants, ({ fileName }) => pathOf(fileName, ROOT));
  const inputs = [...byFile].map(([name, some]) => ({
    name,
    content: readFileSync(join(ROOT, name), "utf8"),
    mutate: some.map(({ location }) => location),
  }));
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  const { files, mutants: made } = await instrumenter.instrument(inputs, options);
  for (const { name, content } of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const key = ({ fileName, location, mutatorName, replacement }) =>
    JSON.stringify([pathOf(fileName, ROOT), location, mutatorName, replacement]);
  const numbers = new Map(made.map(one => [key(one), one.id]));
  return mutants.map(mutant => ({ ...mutant, id: numbers.get(key(mutant)) }));
}

/** @returns for each test file: the mutants that it reaches, and how long it takes */
async function reached(folder, base, print) {
  const journal = join(folder, "reached.jsonl");
  rmSync(journal, { force: true });
  const code = await runTests(folder, { ...base, journal });
  const notes = notesIn(journal).filter(note => "file" in note);
  if (code === undefined) throw new Error(`the tests do not end without a mutant: ${folder}/orders.json`);
  for (const { file, failed } of notes)
    if (failed.length > 0)
      print(`left out, a test fails without a mutant: ${pathOf(file, ROOT)}: ${failed[0].slice(0, 200)}`);
  return notes
    .filter(({ failed }) => failed.length === 0)
    .map(note => ({ ...note, ms: Object.values(note.durations).reduce((sum, ms) => sum + ms, 0) }));
}

const killedIn = notes => new Set(notes.flatMap(note => ("killed" in note ? [note.killed] : [])));

/** @returns the mutants during which processes ended before their tests did */
function endedBy(notes) {
  const begun = new Map();
  for (const { pid, began, ended } of notes)
    if (ended) begun.delete(pid);
    else if (began !== undefined) begun.set(pid, began);
  return [...begun.values()];
}

/** Switches mutants between the tests of a file. @returns numbers of the killed, and of those that kept or ended a process */
async function inTurns(folder, base, coverage, wanted) {
  const journal = join(folder, "turns.jsonl");
  rmSync(journal, { force: true });
  const stuck = new Set();
  const order = coverage.toSorted((a, b) => a.ms - b.ms);
  for (;;) {
    const killed = killedIn(notesIn(journal));
    const isLeft = mutant => wanted.has(mutant) && !killed.has(mutant) && !stuck.has(mutant);
    const turns = order.map(({ file, tests, durations }) => ({
      file,
      tests: Object.entries(tests)
        .filter(([id]) => durations[id] <= LONGEST_MS)
        .map(([id, mutants]) => [id, mutants.filter(isLeft)])
        .filter(([, mutants]) => mutants.length > 0),
    }));
    const files = turns.filter(({ tests }) => tests.length > 0).map(({ file }) => pathOf(file, ROOT));
    const byTest = Object.fromEntries(turns.flatMap(({ tests }) => tests));
    if (files.length > 0) await runTests(folder, { ...base, journal, files, byTest });
    const culprits = endedBy(notesIn(journal)).filter(mutant => !stuck.has(mutant));
    for (const mutant of culprits) stuck.add(mutant);
    if (culprits.length > 0) continue;
    const notes = notesIn(journal);
    return {
      killed: killedIn(notes),
      stuck,
      spent: new Set(notes.flatMap(note => ("spent" in note ? [note.spent] : []))),
    };
  }
}

/** Whether a test that reaches the mutant may not have run with it: a slow one, or one that an earlier mutant has spoilt. */
const isUntried = ({ tests, durations }, id, spent) =>
  Object.entries(tests).some(
    ([test, mutants]) => (durations[test] > LONGEST_MS || spent.has(test)) && mutants.includes(id),
  );

/**
 * @param mutants with their numbers
 * @param tests patterns of test files
 * @returns the mutants with a status
 */
export async function runMutants(folder, mutants, tests, print) {
  const base = { instrumented: join(folder, "instrumented"), files: tests };
  const wanted = new Set(mutants.map(({ id }) => id));
  print(`which tests reach ${mutants.length} mutants`);
  const coverage = await reached(folder, base, print);
  print(`${coverage.length} test files; mutants in turns`);
  const { killed, stuck, spent } = await inTurns(folder, base, coverage, wanted);
  const filesOf = id =>
    coverage
      .filter(({ once, tests: of }) => once.includes(id) || Object.values(of).some(some => some.includes(id)))
      .toSorted((a, b) => a.ms - b.ms);
  const left = mutants.filter(({ id }) => !killed.has(id) && filesOf(id).length > 0);
  const isAlone = ({ id }) =>
    stuck.has(id) || coverage.some(file => file.once.includes(id) || isUntried(file, id, spent));
  const last = left.filter(isAlone);
  print(`${killed.size} killed, ${left.length - last.length} survive; ${last.length} alone`);
  const alone = new Map();
  for (const { id } of last) {
    const files = filesOf(id);
    const limit = ALONE_MS + ALONE_TIMES * files.reduce((sum, { ms }) => sum + ms, 0);
    const orders = {
      ...base,
      files: files.map(({ file }) => pathOf(file, ROOT)),
      journal: join(folder, "alone.jsonl"),
    };
    const code = await runTests(folder, orders, { env: { __STRYKER_ACTIVE_MUTANT__: id }, args: ["--bail=1"], limit });
    alone.set(id, code === undefined ? "Timeout" : code === 0 ? "Survived" : "Killed");
    print(`${alone.size} of ${last.length}: ${alone.get(id)}`);
  }
  return mutants.map(mutant => ({
    ...mutant,
    status: killed.has(mutant.id)
      ? "Killed"
      : (alone.get(mutant.id) ?? (left.includes(mutant) ? "Survived" : "NoCoverage")),
  }));
}
