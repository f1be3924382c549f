/**
 * Runs mutants in two parts. First all of them run in one process for each test file, switched on and off between its tests. Then some of those that are left
 * run alone, from the first import on. Imports, hooks or slow tests reach these, or they ended their process.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ROOT } from "../run/graph.mjs";
import { groupClock } from "./core-time.mjs";
import { pathOf } from "./mutants.mjs";
import { modulesOf, notesIn } from "./orders.mjs";

const VITEST = join(ROOT, "node_modules", "vitest", "vitest.mjs");
/** A process that a mutant keeps busy notes nothing for this long, and a multiple of its test's time. Without mutants, the last of these is the limit. */
const [SILENT_MS, SILENT_TIMES, SILENT_WITHOUT_MS] = [4000, 20, 180_000];
/** A test that takes longer runs for the mutants that are left alone. */
const LONGEST_MS = 20_000;
/** After this number of mutants that spoil a test, or end its process, it takes no turns: the others run alone with it. */
const MOST_SPOILING = 3;
/** Time of a mutant alone: a fixed part, and this multiple of the time that the tests take without one. */
const [ALONE_MS, ALONE_TIMES] = [10_000, 3];
/** A run that takes longer than this multiple of its limit ends, and counts for nothing. */
const MOST_WAITED = 10;
/** Status of a mutant that no turn decided, until it has run alone. */
const UNDECIDED = "Undecided";
/** The id of no mutant. */
const NONE = "none";

/**
 * Runs Vitest until it ends, the journal is silent for too long, or the limit is reached. The limit counts CPU time, and time that was not spent waiting for
 * a core.
 * @returns exit code; undefined for one that was ended, `null` where the machine had no time for it
 */
function runTests(orders, { env = {}, args = ["--reporter=dot"], limit = Infinity } = {}) {
  const file = ordersOf(orders);
  writeFileSync(file, JSON.stringify(orders));
  const before = notesIn(orders.journal).length;
  return new Promise(done => {
    const began = performance.now();
    const child = spawn(process.execPath, [VITEST, "run", "--config", "tests/mutation/vitest.config.ts", ...args], {
      ...{ cwd: ROOT, stdio: "ignore", detached: true },
      env: { ...process.env, MERLON_SET_UP: "before", MERLON_MUTATION: file, ...env },
    });
    const clock = groupClock(child.pid);
    let ended = false;
    let isBusy = false;
    const timer = setInterval(() => {
      const noted = existsSync(orders.journal) ? statSync(orders.journal).mtimeMs : 0;
      const silent = Math.min(Date.now() - noted, performance.now() - began);
      const { cpu, waited } = clock();
      const elapsed = performance.now() - began;
      isBusy = elapsed > MOST_WAITED * limit;
      const isSilent = silent > SILENT_MS && silent > patienceOf(orders, before);
      const isLate = Number.isFinite(limit) ? isBusy || Math.max(cpu, elapsed - waited) > limit : isSilent;
      if (!isLate) return;
      ended = true;
      // Its own group: Vitest's processes with it.
      process.kill(-child.pid, "SIGKILL");
    }, 500);
    child.on("exit", code => {
      clearInterval(timer);
      if (ended) done(isBusy ? null : undefined);
      else done(code ?? 1);
    });
  });
}

/** The file for the orders of a run, beside its journal: lanes run at the same time. */
const ordersOf = ({ journal }) => journal.replace(/jsonl$/, "orders.json");

/** How long the test that began last may take, in milliseconds; before the first note of the run, the tests are imported. */
function patienceOf({ byTest, durations, journal }, before) {
  const last = byTest && notesIn(journal).slice(before).at(-1);
  return last?.test === undefined ? SILENT_WITHOUT_MS : SILENT_MS + SILENT_TIMES * durations[last.test];
}

/** Writes the sources with mutants. @returns the mutants with the number by which each is switched */
export async function instrument(instrumenter, mutants, folder) {
  rmSync(folder, { recursive: true, force: true });
  rmSync(modulesOf(folder), { recursive: true, force: true });
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
  const orders = { ...base, journal };
  const code = await runTests(orders);
  const notes = notesIn(journal).filter(note => "file" in note);
  if (code === undefined) throw new Error(`the tests do not end without a mutant: ${ordersOf(orders)}`);
  for (const { file, failed } of notes)
    if (failed.length > 0)
      print(`left out, a test fails without a mutant: ${pathOf(file, ROOT)}: ${failed[0].slice(0, 200)}`);
  return notes
    .filter(({ failed }) => failed.length === 0)
    .map(note => ({ ...note, ms: Object.values(note.durations).reduce((sum, ms) => sum + ms, 0) }));
}

const killedIn = notes => new Set(notes.flatMap(note => ("killed" in note ? [note.killed] : [])));

/** @returns the mutants during which processes ended before their tests did, each with the test */
function endedBy(notes) {
  const begun = new Map();
  for (const { pid, began, test, ended } of notes)
    if (ended) begun.delete(pid);
    else if (began !== undefined) begun.set(pid, [began, test]);
  return [...begun.values()];
}

const pairOf = (test, mutant) => `${test} ${mutant}`;

/**
 * Switches mutants between the tests of a file. A test that a mutant has spoilt runs with its other mutants in a new process.
 * @returns numbers of the killed, of those that no turn could decide, and the pairs of test and mutant that ran
 */
async function inTurns(lane, base, coverage, wanted) {
  const journal = `${lane}-turns.jsonl`;
  rmSync(journal, { force: true });
  const order = coverage.toSorted((a, b) => a.ms - b.ms);
  for (let tried = -1; ; ) {
    const done = turnsOf(notesIn(journal));
    const isDecided = mutant => !wanted.has(mutant) || done.killed.has(mutant) || done.stuck.has(mutant);
    const isLeft = (test, mutant) => !isDecided(mutant) && !done.tried.has(pairOf(test, mutant));
    const turns = order.map(({ file, tests, durations }) => ({
      file,
      tests: Object.entries(tests)
        .filter(([id]) => durations[id] <= LONGEST_MS && !done.unfit.has(id))
        .map(([id, mutants]) => [id, mutants.filter(mutant => isLeft(id, mutant))])
        .filter(([, mutants]) => mutants.length > 0),
    }));
    const files = turns.filter(({ tests }) => tests.length > 0).map(({ file }) => pathOf(file, ROOT));
    if (files.length === 0 || done.tried.size === tried) return done;
    tried = done.tried.size;
    const byTest = Object.fromEntries(turns.flatMap(({ tests }) => tests));
    const durations = Object.assign({}, ...order.map(one => one.durations));
    await runTests({ ...base, journal, files, byTest, durations });
  }
}

/**
 * Reads the journal of turns. Those that are stuck ended their process, spoilt their test, or timed out on a busy machine. The first have the test that ended.
 */
function turnsOf(notes) {
  const ended = endedBy(notes);
  const stuck = new Map(ended);
  const spoilt = [...ended.map(([mutant, test]) => ({ mutant, test })), ...notes.flatMap(spentBy)];
  const byTest = Map.groupBy(spoilt, ({ test }) => test);
  const unfit = new Set([...byTest].flatMap(([test, by]) => (by.length >= MOST_SPOILING ? [test] : [])));
  for (const note of notes)
    for (const mutant of [note.late, note.by])
      if (mutant !== undefined && !stuck.has(mutant)) stuck.set(mutant, undefined);
  const pairs = notes.flatMap(note => ("began" in note ? [pairOf(note.test, note.began)] : []));
  return { killed: killedIn(notes), stuck, tried: new Set(pairs), unfit };
}

const spentBy = ({ spent, by }) => (spent !== undefined && by !== undefined ? [{ test: spent, mutant: by }] : []);

/** Whether a test that reaches the mutant has not run with it: a slow one, or one that fails in turns. */
const isUntried = ({ tests }, id, tried) =>
  Object.entries(tests).some(([test, mutants]) => mutants.includes(id) && !tried.has(pairOf(test, id)));

/** @returns the test files that failed in a run that ended by itself; all where it left no report. Those of which no test timed out are sure. */
function failedIn(report, files) {
  const unknown = { failed: files, isSure: false };
  if (!existsSync(report)) return unknown;
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const failed = testResults.filter(({ status }) => status === "failed");
  if (failed.length === 0) return unknown;
  const messages = failed.flatMap(({ assertionResults, message }) => [
    message ?? "",
    ...assertionResults.flatMap(({ failureMessages }) => failureMessages ?? []),
  ]);
  const isSure = !messages.some(text => /timed out/i.test(text));
  return { failed: failed.map(({ name }) => pathOf(name, ROOT)), isSure };
}

/**
 * Runs a mutant in a process of its own. At first this has all files, since starting one for each takes most of the time. A file that
 * fails runs again apart from the others, and so does one of which a test timed out. The mutant is killed if it fails again, and passes without it.
 * @param passing names of files that passed without a mutant; those that do are added
 */
async function aloneStatus(lane, base, id, files, passing) {
  const report = `${lane}-alone.json`;
  const names = some => some.map(({ file }) => pathOf(file, ROOT));
  const runWith = (mutant, some, ...args) => {
    rmSync(report, { force: true });
    const limit = ALONE_MS + ALONE_TIMES * some.reduce((sum, { ms }) => sum + ms, 0);
    const orders = { ...base, files: names(some), journal: `${lane}-alone.jsonl` };
    return runTests(orders, {
      env: { __STRYKER_ACTIVE_MUTANT__: mutant },
      args: ["--bail=1", "--reporter=json", `--outputFile=${report}`, ...args],
      limit,
    });
  };
  const code = await runWith(id, files, "--no-isolate");
  if (code === undefined) return "Timeout";
  if (code === 0 || code === null) return "Survived";
  const { failed, isSure } = failedIn(report, names(files));
  const again = files.filter(({ file }) => failed.includes(pathOf(file, ROOT)));
  const second = isSure && files.length === 1 ? code : await runWith(id, again);
  if (second === 0 || second === null) return "Survived";
  const unknown = again.filter(({ file }) => !passing.has(file));
  if (unknown.length > 0 && (await runWith(NONE, unknown)) !== 0) return "Survived";
  for (const { file } of unknown) passing.add(file);
  return "Killed";
}

/** Mutants that are judged together, at most. A run that is ended loses one portion of each lane. */
const PORTION = 500;

/**
 * Judges portions in several lanes at the same time, first in turns. Those that are left run alone after all turns, since a process for each takes long. Each lane runs one process of tests, and a mutant that keeps a test waiting leaves its core free.
 * @param mutants with their numbers
 * @param tests patterns of test files
 * @param lanes number of lanes
 * @param judged called with mutants that have a status, as soon as they have one
 */
export async function runMutants(folder, mutants, tests, { print, judged, lanes = 1 }) {
  if (mutants.length === 0) return;
  const base = { instrumented: join(folder, "instrumented"), files: tests };
  print(`which tests reach ${mutants.length} mutants`);
  const coverage = await reached(folder, base, print);
  print(`${coverage.length} test files`);
  const passing = new Set();
  const worth = worthBy(coverage, mutants);
  const portions = portionsOf(mutants, Math.min(PORTION, Math.ceil(mutants.length / lanes)));
  const alone = [];
  const of = { coverage, worth, passing, print, judged };
  const runLane = async lane => {
    for (let portion = portions.shift(); portion; portion = portions.shift())
      alone.push(...(await judgeInTurns(join(folder, `lane-${lane}`), base, portion, of)));
  };
  const runAlone = async lane => {
    for (let next = alone.shift(); next; next = alone.shift()) {
      const { mutant, groups } = next;
      const statusBy = files => aloneStatus(join(folder, `lane-${lane}`), base, mutant.id, files, passing);
      const status = await firstStatus(groups, statusBy);
      print(`${status}, ${alone.length} left`);
      judged([{ ...mutant, status }]);
    }
  };
  const inLanes = run => Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  await inLanes(runLane);
  await inLanes(runAlone);
}

/** Time of a file of tests beside that of its tests, in milliseconds: mostly for imports. */
const IMPORTS_MS = 1000;

/** @returns a function with a large value for tests of a source's name, and those that reach many of its mutants in little time */
function worthBy(coverage, mutants) {
  const sources = new Map(mutants.map(({ id, fileName }) => [id, fileName]));
  const counts = new Map(
    coverage.map(file => [file, Map.groupBy(new Set(Object.values(file.tests).flat()), id => sources.get(id))]),
  );
  const nameOf = path => basename(path ?? "").split(".")[0];
  return (file, source) => {
    if (nameOf(file.file) === nameOf(source)) return Infinity;
    // A part of one keeps those in order that reach none: quick ones first.
    return (0.1 + (counts.get(file).get(source)?.length ?? 0)) / (IMPORTS_MS + file.ms);
  };
}

const portionsOf = (mutants, size) =>
  Array.from({ length: Math.ceil(mutants.length / size) }, (_, i) => mutants.slice(i * size, (i + 1) * size));

/** @returns the test files that reach a mutant */
const filesOf = (id, coverage) =>
  coverage.filter(({ once, tests }) => once.includes(id) || Object.values(tests).some(some => some.includes(id)));

const nonEmpty = groups => groups.filter(({ length }) => length > 0);

const byWorth = (files, worth, { fileName }) => files.toSorted((a, b) => worth(b, fileName) - worth(a, fileName));

/** @returns those that no turn decided, each with the groups of files that it runs alone with */
async function judgeInTurns(lane, base, mutants, { coverage, worth, print, judged }) {
  print(`${mutants.length} mutants in turns`);
  const { killed, stuck, tried } = await inTurns(lane, base, coverage, new Set(mutants.map(({ id }) => id)));
  // Tests that ran with it in turns do not run again.
  const filesAlone = id =>
    filesOf(id, coverage).filter(file => stuck.has(id) || file.once.includes(id) || isUntried(file, id, tried));
  /** The file whose process ended is first, and mostly enough. */
  const groupsOf = mutant => {
    const ended = ({ tests }) => stuck.get(mutant.id) in tests;
    const files = filesAlone(mutant.id);
    const others = files.filter(file => !ended(file));
    return nonEmpty([files.filter(ended), byWorth(others, worth, mutant)]);
  };
  const inTurn = mutants.map(mutant => ({ mutant, status: statusOf(mutant.id) }));
  function statusOf(id) {
    if (killed.has(id)) return "Killed";
    if (filesOf(id, coverage).length === 0) return "NoCoverage";
    return filesAlone(id).length === 0 ? "Survived" : UNDECIDED;
  }
  const count = status => inTurn.filter(one => one.status === status).length;
  const last = inTurn.filter(({ status }) => status === UNDECIDED);
  print(`${count("Killed")} killed, ${count("Survived")} survive; ${last.length} alone`);
  judged(inTurn.map(({ mutant, status }) => ({ ...mutant, status })));
  return last.map(({ mutant }) => ({ mutant, groups: groupsOf(mutant) }));
}

/** @returns the status by the first group of files that notices */
async function firstStatus(groups, statusBy) {
  for (const files of groups) {
    const status = await statusBy(files);
    if (status !== "Survived") return status;
  }
  return "Survived";
}
