/**
 * The runs of one shadow. Each begins after its response is made, and ends with a comparison of columns. One that is skipped, fails or is
 * late is counted. At most `inFlight` run at the same time, and only columns that they need stay in memory. Other work of the event loop has
 * its turn before each step. A run counts until its last step has ended, so that steps that ignore a cancellation cannot pile up.
 */
import { setImmediate as inNextTask } from "node:timers";
import { setImmediate } from "node:timers/promises";
import type { AnyStep, ColumnRef } from "../../../contract/plan.js";
import { Cancellable } from "../../base/cancellation.js";
import type { Column } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { Charge, MemoryBudget } from "../../base/memory/memory-budget.js";
import { createRandom, type Random } from "../../base/random.js";
import type {
  Inputs,
  LeasedModels,
  ModelCaller,
  PreparedKernel,
  RunContext,
  ShadowKernel,
  ShadowOutcome,
} from "./kernel.js";
import type { Slots } from "./layout.js";
import { createNotes, runStages } from "./run-stages.js";
import type { Stage } from "./stage.js";
import { countRun, type StageCounters } from "./stage-counters.js";

/** The event loop is busy if it starts a new task later than this. */
const BUSY_MS = 25;
/** Faults have a note at most once in this time. */
const NOTE_MS = 60_000;
const FIRST_SUMMARY = 100;
/** Rough bytes of one text of a column. */
const TEXT_BYTES = 32;

export interface ShadowParts {
  /** The step `shadow` itself. */
  readonly step: AnyStep;
  readonly kernel: ShadowKernel;
  readonly counters: StageCounters;
  readonly stages: readonly Stage[];
  /** Places of a run's columns. */
  readonly slots: Slots;
  /** Columns of the response's branch, and of the other one. */
  readonly main: readonly ColumnRef[];
  readonly other: readonly ColumnRef[];
  /** False if the rows of several requests cannot run together. */
  readonly rowsAreIndependent: boolean;
}

export interface ShadowSurroundings {
  readonly models: ModelCaller;
  readonly memory?: MemoryBudget | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/** The context of a shadow's steps. */
interface BesideContext extends RunContext {
  /** Its started steps. */
  readonly started: Promise<unknown>[];
}

export class ShadowRuns {
  readonly #parts: ShadowParts;
  readonly #around: ShadowSurroundings;
  readonly #stages: readonly Stage[];
  readonly #mainSlots: readonly number[];
  readonly #otherSlots: readonly number[];
  /** Columns of the response's run that its steps read, or that are compared. */
  readonly #needed: readonly number[];
  readonly #models: readonly { readonly model: string; readonly version: -1 }[];
  readonly #random: Random;
  readonly #running = new Map<Cancellable, Promise<void>>();
  #inFlight = 0;
  #closed = false;
  #noted = Number.NEGATIVE_INFINITY;
  #nextSummary = FIRST_SUMMARY;

  constructor(parts: ShadowParts, around: ShadowSurroundings) {
    this.#parts = parts;
    this.#around = around;
    this.#stages = parts.stages.map(stage => ({ ...stage, kernel: besideOthers(stage.kernel) }));
    this.#mainSlots = parts.main.map(parts.slots.of);
    this.#otherSlots = parts.other.map(parts.slots.of);
    const made = new Set(this.#stages.flatMap(({ step, firstOutput }) => step.outputs.map((_, i) => firstOutput + i)));
    const read = this.#stages.flatMap(({ ports }) => ports.flatMap(([, slots]) => slots));
    this.#needed = [...new Set([...this.#mainSlots, ...this.#otherSlots, ...read])].filter(slot => !made.has(slot));
    const models = new Set(this.#stages.flatMap(({ step: { params } }) => ("model" in params ? params.model : [])));
    this.#models = [...models].map(model => ({ model, version: -1 }) as const);
    this.#random = createRandom("shadow", parts.step.id);
  }

  /** A response was made of these columns. Never throws, and returns before any step of the shadow runs. */
  offer(columns: readonly (Column | undefined)[], context: RunContext): void {
    const { kernel, slots } = this.#parts;
    // By a sequence of its own: a client that always sends the same seed must not decide it.
    if (this.#closed || context.isWarmUp || (kernel.rate < 1 && this.#random.next() >= kernel.rate)) return;
    // A branch that no row took has no columns to compare.
    if (this.#needed.some(slot => columns[slot] === undefined)) return;
    const charge = this.#around.memory?.open();
    const reason = this.#reasonToSkip(columns, context, charge);
    if (reason) {
      this.#count(reason);
      return;
    }
    const own = new Array<Column | undefined>(slots.count);
    for (const slot of this.#needed) own[slot] = columns[slot];
    this.#inFlight++;
    const offered = performance.now();
    inNextTask(() => {
      const isBusy = performance.now() - offered > BUSY_MS;
      if (isBusy && !this.#closed) this.#count("skipped_busy");
      if (isBusy || this.#closed) this.#release(charge);
      else this.#begin(own, context, charge);
    });
  }

  #reasonToSkip(
    columns: readonly (Column | undefined)[],
    { seeds }: RunContext,
    charge: Charge | undefined,
  ): ShadowOutcome | undefined {
    const { kernel, rowsAreIndependent } = this.#parts;
    if (seeds && !rowsAreIndependent) return "skipped_batch";
    if (this.#inFlight >= kernel.inFlight) return "skipped_in_flight";
    const bytes = this.#needed.reduce((sum, slot) => sum + bytesOf(columns[slot]!), 0);
    return charge && !hasRoom(charge, bytes) ? "skipped_memory" : undefined;
  }

  /** Cancels what runs, and waits for its last steps. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const abort of this.#running.keys()) abort.abort();
    await Promise.all(this.#running.values());
  }

  #begin(columns: (Column | undefined)[], context: RunContext, charge: Charge | undefined): void {
    const abort = new Cancellable();
    const done = this.#run(columns, context, abort).finally(() => {
      this.#running.delete(abort);
      this.#release(charge);
    });
    this.#running.set(abort, done);
    inBackground(done, "running a shadow");
  }

  #release(charge: Charge | undefined): void {
    this.#inFlight--;
    charge?.release();
  }

  async #run(columns: (Column | undefined)[], given: RunContext, abort: Cancellable): Promise<void> {
    const { kernel } = this.#parts;
    const began = performance.now();
    const started: Promise<unknown>[] = [];
    const late = setTimeout(() => {
      this.#count("late");
      abort.abort();
    }, kernel.within);
    let models: LeasedModels | undefined;
    try {
      models = this.#models.length > 0 ? this.#around.models.lease?.(this.#models) : undefined;
      const context: BesideContext = { ...contextBeside(given), signal: abort, started, ...(models && { models }) };
      await runStages(this.#stages, columns, context, createNotes(this.#stages));
      if (!abort.aborted) this.#compare(columns, began, given.onShadow);
    } catch (error) {
      if (!abort.aborted) this.#fail(RuntimeFault.from(error));
    } finally {
      clearTimeout(late);
      abort.abort();
      await Promise.allSettled(started);
      models?.end();
    }
  }

  #compare(columns: readonly (Column | undefined)[], began: number, onShadow: RunContext["onShadow"]): void {
    const { kernel, counters, step } = this.#parts;
    const main = this.#mainSlots.map(slot => columns[slot]!);
    const other = this.#otherSlots.map(slot => columns[slot]!);
    const comparison = kernel.compare(main, other);
    countRun(counters, (performance.now() - began) / 1000, main[0]!.rows.count, other[0]!.rows.count);
    this.#count("compared");
    onShadow?.(step.id, comparison);
    const { lists, overlap } = kernel.counters;
    const all = lists.equal + lists.different;
    if (all < this.#nextSummary) return;
    while (all >= this.#nextSummary) this.#nextSummary *= 10;
    this.#around.onNote?.(
      `shadow \`${this.#parts.step.label}\`: of ${all} lists, ${percent(lists.different / all)} differ, and both branches have ${percent(overlap / all)} of the items`,
    );
  }

  #fail({ message }: RuntimeFault): void {
    const { kernel, counters, step } = this.#parts;
    counters.failures++;
    this.#count("failed");
    if (performance.now() - this.#noted < NOTE_MS) return;
    this.#noted = performance.now();
    this.#around.onNote?.(
      `shadow \`${step.label}\` failed, ${kernel.counters.runs.failed} times so far; responses do not depend on it: ${message}`,
    );
  }

  #count(outcome: ShadowOutcome): void {
    this.#parts.kernel.counters.runs[outcome]++;
  }
}

/** Lets others run before each step, and notes steps until they end. */
function besideOthers(kernel: PreparedKernel): PreparedKernel {
  return {
    ...(kernel.sides && { sides: (condition, context) => kernel.sides!(condition, context) }),
    run: (inputs, context) => {
      const made = runLater(kernel, inputs, context);
      (context as BesideContext).started.push(made);
      return made;
    },
  };
}

async function runLater(kernel: PreparedKernel, inputs: Inputs, context: RunContext): Promise<readonly Column[]> {
  await setImmediate();
  if (context.signal?.aborted) throw new RuntimeFault("CANCELLED", "the comparison was cancelled");
  return kernel.run(inputs, context);
}

/** The request's context without its signal, its models and its reports. */
function contextBeside({ seed, seeds, parameters }: RunContext): RunContext {
  const own = new Map(parameters);
  for (const report of ["timings", "explain", "stages"]) own.delete(report);
  return { seed, ...(seeds && { seeds }), parameters: own, seen: new Map(), uncounted: true };
}

function hasRoom(charge: Charge, bytes: number): boolean {
  try {
    charge.add(bytes);
    return true;
  } catch {
    return false;
  }
}

const bytesOf = ({ values, offsets, validity, listValidity }: Column): number =>
  (ArrayBuffer.isView(values) ? values.byteLength : values.length * TEXT_BYTES) +
  (offsets?.byteLength ?? 0) +
  (validity?.byteLength ?? 0) +
  (listValidity?.byteLength ?? 0);

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
