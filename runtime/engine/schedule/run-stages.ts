/**
 * One run of a plan's stages: columns in slots → the same slots, filled. A stage starts when its input stages are done. One with a
 * synchronous result starts its readers without a turn of the event loop. After a fault or an abort none starts.
 */

import type { AnyStep } from "../../../contract/plan.js";
import { type Side, sidesOf } from "../../../contract/step-facts.js";
import type { Column } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { inSlices, type Sliced } from "../../base/slices.js";
import { ArmWatch } from "./arm-watch.js";
import { type Choices, choices } from "./choices.js";
import type { FilteredSearch, Inputs, RunContext } from "./kernel.js";
import type { Reasons } from "./open-choices.js";
import { isOfRow } from "./row-by-row.js";
import type { Stage } from "./stage.js";
import { countRun } from "./stage-counters.js";

/** The results of a run besides its columns. */
export interface RunNotes {
  /** By stage, on the clock of `performance.now()`: its start and its end (or abandonment), including waiting. NaN if it did not run. */
  readonly began: number[];
  readonly ended: number[];
  /** Microseconds of each part of fused steps, by id, if requested. */
  parts?: Map<string, number>;
  /** Filtered searches by step id, if an explanation is requested. */
  searches?: Map<string, FilteredSearch[]>;
  /** Why a fallback was taken, by its step's id; where the plan has choices. */
  fallbacks?: Map<string, string>;
  /** Why a source was left out, by its step's id and its port. */
  leftOut?: Map<string, Map<string, string>>;
  /** The number of the branch that each row took, by the id of the step that chose. */
  sides?: Map<string, ArrayLike<number>>;
  /** A fallback was taken, or a source left out, for a fault that may be one row's own. */
  rowFault?: true;
}

export const createNotes = (stages: readonly Stage[]): RunNotes => ({
  began: new Array<number>(stages.length).fill(Number.NaN),
  ended: new Array<number>(stages.length).fill(Number.NaN),
});

/**
 * @param columns slots: request columns are there, the others are written
 * @returns nothing when all stages answered at once
 */
export const runStages = (
  stages: readonly Stage[],
  columns: (Column | undefined)[],
  context: RunContext,
  notes: RunNotes,
): Promise<void> | undefined => new Run(stages, columns, context, notes).begin();

const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "the request was cancelled");

/** Rows of the first input that is there: a side that lost made none. */
export function rowsRead(ports: Stage["ports"], columns: readonly (Column | undefined)[]): number {
  for (let p = 0; p < ports.length; p++) {
    const first = ports[p]![1][0];
    const found = first === undefined ? undefined : columns[first];
    if (found) return found.rows.count;
  }
  return 0;
}

/** Counts a stage's answer and puts it in its slots. */
function take(stage: Stage, made: readonly Column[], columns: (Column | undefined)[], milliseconds: number): void {
  const { firstOutput, ports, counters } = stage;
  if (made.length !== stage.step.outputs.length)
    throw new Error(`${made.length} columns were made and the plan says ${stage.step.outputs.length}`);
  countRun(counters, milliseconds / 1000, rowsRead(ports, columns), made[0]?.rows.count ?? 0);
  for (let j = 0; j < made.length; j++) columns[firstOutput + j] = made[j]!;
}

/** Stages start when those that they read are done. */
class Run {
  readonly #stages: readonly Stage[];
  readonly #columns: (Column | undefined)[];
  readonly #context: RunContext;
  readonly #notes: RunNotes;
  /** By stage: how many of those that it reads, or that decide whether it runs, are not done. */
  readonly #waits: number[];
  /** A stack, so the first step of the plan is last. */
  readonly #ready: number[] = [];
  /** Stages to be done; nothing waits for those that only one side of a choice needs. */
  #open: number;
  #ended = false;
  #failure: RuntimeFault | undefined;
  #settle: { resolve(): void; reject(fault: RuntimeFault): void } | undefined;
  #sides: Choices | undefined;
  /** Present if a choice of the run has a kernel that observes its arms. */
  readonly #arms: ArmWatch | undefined;

  constructor(stages: readonly Stage[], columns: (Column | undefined)[], context: RunContext, notes: RunNotes) {
    this.#stages = stages;
    this.#columns = columns;
    this.#context = context;
    this.#notes = notes;
    this.#waits = stages.map(stage => stage.reads.length + stage.waitsFor.length);
    this.#arms =
      !context.uncounted && stages.some(({ kernel }) => kernel.observe)
        ? new ArmWatch(stages, notes.ended, context)
        : undefined;
    this.#open = stages.reduce((n, stage) => (stage.guard ? n : n + 1), 0);
  }

  begin(): Promise<void> | undefined {
    const stages = this.#stages;
    for (let i = stages.length - 1; i >= 0; i--) if (this.#waits[i] === 0 && !stages[i]!.chooses) this.#ready.push(i);
    if (stages.some(stage => stage.chooses)) this.#openChoices();
    return this.#runReady();
  }

  #openChoices(): void {
    const notes = this.#notes;
    notes.fallbacks = new Map();
    notes.leftOut = new Map();
    this.#sides = choices(this.#stages, this.#context, notes as Reasons, {
      ready: i => {
        this.#ready.push(i);
      },
      release: i => this.#release(i),
      fail: fault => this.#fail(fault),
      leaveLost: () => this.#leaveLost(),
      drain: () => this.#drain(),
      taken: at => this.#take(at),
      tookFault: fault => {
        if (isOfRow(fault)) notes.rowFault = true;
      },
    });
  }

  /** Sides of a choice by condition that some row takes; without rows the last. */
  #take(at: number): readonly Side[] {
    const { step, kernel, ports } = this.#stages[at]!;
    const sides = sidesOf(step)!;
    if (!kernel.sides) return sides;
    const [slot] = ports.find(([port]) => port === "input")![1];
    try {
      const keys = this.#columns[slot!]!;
      const taken = kernel.sides(keys, this.#context);
      if (kernel.observe) this.#watch(at, keys, taken);
      this.#notes.sides ??= new Map();
      this.#notes.sides.set(step.id, taken);
      if (taken.length === 0) return sides.slice(-1);
      const numbers = new Set(Array.from(taken));
      return sides.filter((_, number) => numbers.has(number));
    } catch (error) {
      this.#failStage(at, error);
      return [];
    }
  }

  #watch(at: number, keys: Column, taken: ArrayLike<number>): void {
    const numbers = new Set(Array.from(taken));
    const sides = sidesOf(this.#stages[at]!.step)!;
    this.#arms?.decide(
      at,
      keys,
      sides.filter((_, number) => numbers.has(number)),
    );
  }

  #runReady(): Promise<void> | undefined {
    this.#drain();
    if (this.#ended) return this.#failure && Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** Starts what is ready, and ends the run when nothing is left to do. */
  #drain(): void {
    if (this.#context.yields && this.#ready.length > 0) {
      inBackground(inSlices(this.#inTurns()), "running stages");
      return;
    }
    while (this.#ready.length > 0 && !this.#ended) this.#startNext();
    this.#endIfDone();
  }

  /** The same in turns with other requests: a stage is not interrupted. */
  *#inTurns(): Sliced<void> {
    while (this.#ready.length > 0 && !this.#ended) {
      this.#startNext();
      yield;
    }
    this.#endIfDone();
  }

  #startNext(): void {
    if (this.#context.signal?.aborted) this.#fail(cancelled());
    else this.#start(this.#ready.pop()!);
  }

  #endIfDone(): void {
    if (this.#open > 0 || this.#ended) return;
    this.#ended = true;
    this.#sides?.close();
    this.#arms?.leave();
    this.#settle?.resolve();
  }

  #start(i: number): void {
    const stage = this.#stages[i]!;
    const sides = this.#sides;
    if (sides?.isLost(i)) return;
    if (stage.kernel.observe) this.#arms?.arrive(i);
    try {
      this.#notes.began[i] = performance.now();
      const inputs = inputsOf(stage, this.#columns, sides?.portsOf(i));
      const made = stage.kernel.run(inputs, sides?.contextOf(i) ?? this.#context);
      if (made instanceof Promise) inBackground(this.#wait(i, made), "running a stage");
      else this.#finish(i, made);
    } catch (error) {
      this.#failStage(i, error);
    }
  }

  async #wait(i: number, made: Promise<readonly Column[]>): Promise<void> {
    try {
      this.#finish(i, await made);
    } catch (error) {
      this.#failStage(i, error);
    }
    this.#drain();
  }

  #finish(i: number, made: readonly Column[]): void {
    const stage = this.#stages[i]!;
    if (this.#sides?.isLost(i)) return;
    const end = performance.now();
    this.#notes.ended[i] = end;
    take(stage, made, this.#columns, end - this.#notes.began[i]!);
    if (!stage.guard) this.#open--;
    for (const reader of stage.readers)
      if (this.#stages[reader]!.chooses) this.#sides!.arrive(reader, i);
      else this.#release(reader);
  }

  /** One thing less that a stage waits for. */
  #release(i: number): void {
    if (--this.#waits[i]! === 0 && !this.#stages[i]!.chooses) this.#ready.push(i);
  }

  #failStage(i: number, error: unknown): void {
    const stage = this.#stages[i]!;
    if (!this.#ended) {
      stage.counters.failures++;
      this.#countInArms(stage);
    }
    const named = nameFault(stage.step, error, "internal error");
    // After the end of the run, no arm is open.
    this.#arms?.fail(i, named);
    if (!this.#sides?.takeFault(i, named)) this.#fail(named);
  }

  #countInArms({ guard }: Stage): void {
    for (let above = guard; above; above = this.#stages[above.choice]!.guard) {
      const { step, counters } = this.#stages[above.choice]!;
      if (counters.arms) counters.arms[sidesOf(step)!.indexOf(above.side)]!.failures++;
    }
  }

  #fail(fault: RuntimeFault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = fault;
    this.#sides?.close();
    this.#arms?.leave();
    this.#settle?.reject(fault);
  }

  /** Stages of sides that lost end here, for the times in the notes. */
  #leaveLost(): void {
    const { began, ended } = this.#notes;
    const now = performance.now();
    for (let i = 0; i < this.#stages.length; i++)
      if (!Number.isNaN(began[i]) && Number.isNaN(ended[i]) && this.#sides?.isLost(i)) ended[i] = now;
  }
}

/** @param only the ports that a choice gets */
function inputsOf({ ports }: Stage, columns: readonly (Column | undefined)[], only?: readonly string[]): Inputs {
  const inputs: Record<string, Column[]> = {};
  for (let p = 0; p < ports.length; p++) {
    const [port, slots] = ports[p]!;
    if (only !== undefined && !only.includes(port)) continue;
    const list: Column[] = [];
    for (let i = 0; i < slots.length; i++) list.push(columns[slots[i]!]!);
    inputs[port] = list;
  }
  return inputs;
}

/**
 * Adds the step of a fault, unless the fault names it itself.
 * @param otherwise the text for an error that is not a fault; the error itself stays the cause
 */
export function nameFault(step: AnyStep, error: unknown, otherwise: string): RuntimeFault {
  const fault = RuntimeFault.from(error, otherwise);
  if (fault.message.startsWith("step `")) return fault;
  const message = `step \`${step.label}\` (${step.op}): ${fault.message}`;
  return new RuntimeFault(fault.code, message, { cause: fault.cause ?? fault });
}

/** The label of the failed step, if its message names one. */
export const stepOfFault = (message: string): string | undefined => /\bstep `([^`]+)` \(/.exec(message)?.[1];
