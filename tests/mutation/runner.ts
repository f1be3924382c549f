/**
 * Runs the tests of a file with mutants switched on and off, in one process. With `byTest` each test runs once without mutants, then once for each of its
 * mutants. After one that it fails for, it runs without mutants again: a mutant is killed only if the test then passes. A slow failure has to happen
 * twice, since a busy machine can cause one. Without `byTest` the mutants that each test reaches are noted.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { type RunnerTask, type RunnerTestCase, type RunnerTestFile, type RunnerTestSuite, TestRunner } from "vitest";
import { waitedMs } from "./core-time.mjs";
import { type Note, notesIn, type Orders } from "./orders.mjs";

/** The global of instrumented sources. */
interface Switches {
  activeMutant?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  currentTestId?: string | undefined;
  mutantCoverage?: {
    readonly static: Readonly<Record<string, number>>;
    readonly perTest: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
}
const held = globalThis as { __stryker__?: Switches };
held.__stryker__ ??= {};
const switches = held.__stryker__;
/** The clock as it was before a test replaced it by a false one. */
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);
/** A loop that a mutant keeps running is ended by an error. */
const MOST_HITS = 3_000_000;
/** A test that fails within this time has not timed out. */
const QUICK_MS = 100;
/** Time of a test with a mutant: a fixed part, and this multiple of its time without one. Most mutants that keep it waiting do so for ever. */
const [TURN_MS, TURN_TIMES] = [1000, 10];
/** Time of a hook after a test that ran with a mutant. Mostly a scheduler waits there for a request that the mutant has lost. */
const HOOK_MS = 2000;
/** A time-out counts unless the test waited for a core for more than the rest of its time. */
const SERVED_SHARE = 0.5;

/** The mutants of the test that runs. */
interface Turn {
  readonly left: string[];
  isFirst: boolean;
  /** The mutant that the test ran with last. */
  ran?: { readonly mutant: string; readonly isSecond: boolean } | undefined;
  /** The test failed with it, and has not run without it since. */
  suspect?: Suspect | undefined;
  /** The test failed with it, passed without it, and runs with it a second time. */
  confirming?: string | undefined;
  /** The test fails without a mutant, too. */
  isSpent: boolean;
}

interface Suspect {
  readonly mutant: string;
  /** It has failed twice, or so quickly that no time-out is the reason. */
  readonly isSure: boolean;
}

export default class MutantRunner extends TestRunner {
  readonly #orders = JSON.parse(readFileSync(process.env.MERLON_MUTATION!, "utf8")) as Orders;
  readonly #killed = new Set(notesIn(this.#orders.journal).flatMap(note => ("killed" in note ? [note.killed] : [])));
  readonly #durations: Record<string, number> = {};
  readonly #failed: string[] = [];
  #turn: Turn | undefined;

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    await super.onBeforeRunTask(test);
    const { byTest } = this.#orders;
    if (test.type !== "test" || !byTest) return;
    const left = (byTest[test.id] ?? []).filter(mutant => !this.#killed.has(mutant));
    this.#turn = { left, isFirst: true, isSpent: false };
    if (left.length === 0) test.mode = "skip";
    else test.repeats = 4 * left.length;
  }

  override async onBeforeRunSuite(suite: RunnerTestSuite): Promise<void> {
    await super.onBeforeRunSuite(suite);
    this.#limit(TestRunner.getSuiteHooks(suite).afterEach);
  }

  onTaskFinished({ onFinished = [] }: { readonly onFinished?: (() => unknown)[] }): void {
    this.#limit(onFinished);
  }

  /** Ends hooks after a mutant in time. One that has to be ended may have noticed it. */
  #limit<A extends readonly unknown[]>(hooks: ((...args: A) => unknown)[]): void {
    const limited = hooks.map(hook => async (...args: A) => {
      const turn = this.#turn;
      if (turn?.ran === undefined) return await hook(...args);
      const { mutant, isSecond } = turn.ran;
      const isLate = await within(async () => void (await hook(...args)), HOOK_MS).then(
        () => false,
        () => true,
      );
      if (isLate) turn.suspect ??= { mutant, isSure: isSecond };
      return undefined;
    });
    hooks.splice(0, hooks.length, ...limited);
  }

  async runTask(test: RunnerTestCase): Promise<void> {
    const run = TestRunner.getTestFn(test);
    if (this.#turn) await this.#nextOf(test.id, this.#turn, run);
    else await this.#cover(test.id, run);
  }

  async #cover(id: string, run: () => unknown): Promise<void> {
    const began = now();
    const waited = waitedMs();
    switches.currentTestId = id;
    try {
      await run();
    } catch (error) {
      if (!isSkip(error)) this.#failed.push(String(error));
      throw error;
    } finally {
      switches.currentTestId = undefined;
      this.#durations[id] = Math.max(0, now() - began - (waitedMs() - waited));
      this.#note({ passed: id });
    }
  }

  async #nextOf(id: string, turn: Turn, run: () => unknown): Promise<void> {
    if (turn.isSpent) return;
    const { suspect, isFirst } = turn;
    turn.suspect = undefined;
    turn.ran = undefined;
    turn.isFirst = false;
    if (suspect !== undefined || isFirst) await this.#without(id, turn, suspect, run);
    else await this.#withMutant(id, turn, run);
  }

  async #without(id: string, turn: Turn, suspect: Suspect | undefined, run: () => unknown): Promise<void> {
    turn.isSpent = !(await outcomeOf(run)).passes;
    if (turn.isSpent) this.#note({ spent: id, by: suspect?.mutant });
    if (suspect === undefined || turn.isSpent) return;
    if (!suspect.isSure) {
      turn.confirming = suspect.mutant;
      return;
    }
    this.#killed.add(suspect.mutant);
    this.#note({ killed: suspect.mutant });
  }

  async #withMutant(id: string, turn: Turn, run: () => unknown): Promise<void> {
    const { confirming } = turn;
    turn.confirming = undefined;
    const mutant = confirming ?? turn.left.shift();
    if (mutant === undefined) return;
    turn.ran = { mutant, isSecond: confirming !== undefined };
    this.#note({ began: mutant, test: id });
    Object.assign(switches, { activeMutant: mutant, hitCount: 0, hitLimit: MOST_HITS });
    const { passes, isQuick, isLate } = await outcomeOf(
      run,
      TURN_MS + TURN_TIMES * (this.#orders.durations?.[id] ?? 0),
    );
    Object.assign(switches, { activeMutant: undefined, hitCount: undefined });
    if (passes) return;
    if (!isLate) {
      turn.suspect = { mutant, isSure: isQuick || confirming !== undefined };
      return;
    }
    this.#note({ late: mutant });
    // Without a suspect the clean run shows whether the test is spoilt.
    turn.isFirst = true;
  }

  override onAfterRunFiles(files: RunnerTestFile[]): void {
    super.onAfterRunFiles(files);
    this.#note({ ended: true });
    if (this.#orders.byTest) return;
    const { static: once = {}, perTest = {} } = switches.mutantCoverage ?? {};
    const tests = Object.fromEntries(Object.entries(perTest).map(([id, hits]) => [id, Object.keys(hits)]));
    for (const { filepath } of files)
      this.#note({ file: filepath, once: Object.keys(once), tests, durations: this.#durations, failed: this.#failed });
  }

  #note(note: Note): void {
    appendFileSync(this.#orders.journal, `${JSON.stringify({ ...note, pid: process.pid })}\n`);
  }
}

/** `skip()` of a test throws. */
const isSkip = (error: unknown): boolean => (error as { readonly code?: string }).code === "VITEST_PENDING";

interface Outcome {
  readonly passes: boolean;
  readonly isQuick: boolean;
  /** It timed out, and mostly waited for a core. */
  readonly isLate: boolean;
}

/** @param limit milliseconds; without one, those of the configuration hold */
async function outcomeOf(run: () => unknown, limit?: number): Promise<Outcome> {
  const began = now();
  const waited = waitedMs();
  try {
    await (limit === undefined ? run() : within(run, limit));
    return { passes: true, isQuick: true, isLate: false };
  } catch (error) {
    const elapsed = now() - began;
    const served = elapsed - (waitedMs() - waited);
    const timedOut = /timed out in \d+ms/.test(String(error));
    return { passes: false, isQuick: elapsed < QUICK_MS, isLate: timedOut && served < SERVED_SHARE * elapsed };
  }
}

async function within(run: () => unknown, limit: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`Test timed out in ${limit}ms.`)), limit);
  });
  try {
    await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}
