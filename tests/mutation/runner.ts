/**
 * Runs the tests of a file with mutants switched on and off, in one process. With `byTest` each test runs once without mutants, then once for each of its
 * mutants. After one that it fails for, it runs without mutants again: a mutant is killed only if the test then passes. Without `byTest` the mutants that each
 * test reaches are noted.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { type RunnerTask, type RunnerTestCase, type RunnerTestFile, TestRunner } from "vitest";
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
/** A loop that a mutant keeps running is ended by an error. */
const MOST_HITS = 3_000_000;

/** The mutants of the test that runs. */
interface Turn {
  readonly left: string[];
  isFirst: boolean;
  /** The test failed with it, and has not run without it since. */
  suspect?: string | undefined;
  /** The test fails without a mutant, too. */
  isSpent: boolean;
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
    else test.repeats = 2 * left.length;
  }

  async runTask(test: RunnerTestCase): Promise<void> {
    const run = TestRunner.getTestFn(test);
    if (this.#turn) await this.#nextOf(test.id, this.#turn, run);
    else await this.#cover(test.id, run);
  }

  async #cover(id: string, run: () => unknown): Promise<void> {
    const began = performance.now();
    switches.currentTestId = id;
    try {
      await run();
    } catch (error) {
      if (!isSkip(error)) this.#failed.push(String(error));
      throw error;
    } finally {
      switches.currentTestId = undefined;
      this.#durations[id] = performance.now() - began;
      this.#note({ passed: id });
    }
  }

  async #nextOf(id: string, turn: Turn, run: () => unknown): Promise<void> {
    if (turn.isSpent) return;
    const { suspect, isFirst } = turn;
    turn.suspect = undefined;
    turn.isFirst = false;
    if (suspect !== undefined || isFirst) {
      turn.isSpent = !(await passes(run));
      if (turn.isSpent) this.#note({ spent: id });
      if (suspect === undefined || turn.isSpent) return;
      this.#killed.add(suspect);
      this.#note({ killed: suspect });
      return;
    }
    const mutant = turn.left.shift();
    if (mutant === undefined) return;
    this.#note({ began: mutant });
    Object.assign(switches, { activeMutant: mutant, hitCount: 0, hitLimit: MOST_HITS });
    const survives = await passes(run);
    Object.assign(switches, { activeMutant: undefined, hitCount: undefined });
    if (!survives) turn.suspect = mutant;
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

async function passes(run: () => unknown): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    return false;
  }
}
