/**
 * One run of a plan's stages: columns in slots → the same slots, filled. A stage starts when the stages it reads are done; one that answers
 * at once frees its readers without a turn of the event loop; after a fault or an abort none starts.
 */

import type { AnyStep } from "../../../contract/plan.js";
import type { Side } from "../../../operators/shared/spec/facts.js";
import { flags } from "../../base/columns/flags.js";
import type { Column } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { type Choices, choices } from "./choices.js";
import type { Inputs, RunContext } from "./kernel.js";
import { isOfRow } from "./row-by-row.js";
import type { Stage } from "./stage.js";
import { countRun } from "./stage-tally.js";

/** What a run has to tell beside its columns. */
export interface RunNotes {
  /** By stage, on the clock of `performance.now()`: when it began and ended, or was given up; waiting included; NaN where it did not. */
  readonly began: number[];
  readonly ended: number[];
  /** Microseconds of each part of fused steps, by id, where somebody wants to know. */
  parts?: Map<string, number>;
  /** Why a fallback was taken, by its step's id; where the plan has choices. */
  fallbacks?: Map<string, string>;
  /** A fallback was taken for a fault that may be one row's own. */
  rowFault?: true;
}

export const createNotes = (stages: readonly Stage[]): RunNotes => ({
  began: new Array<number>(stages.length).fill(Number.NaN),
  ended: new Array<number>(stages.length).fill(Number.NaN),
});

/**
 * The order in which stages start that all answer at once: one that is done frees its readers, and they are next.
 * @returns undefined where the plan has choices, which decide that themselves
 */
export function orderAtOnce(stages: readonly Stage[]): readonly number[] | undefined {
  if (stages.some(stage => stage.chooses)) return undefined;
  const waits = stages.map(stage => stage.reads.length);
  const order: number[] = [];
  const ready = stages.flatMap((_, i) => (waits[i] === 0 ? [i] : [])).reverse();
  while (ready.length > 0) {
    const i = ready.pop()!;
    order.push(i);
    for (const reader of stages[i]!.readers) if (--waits[reader]! === 0) ready.push(reader);
  }
  return order;
}

/** What has been done of a run, and the stage that it came to wait for. */
interface Begun {
  readonly order: readonly number[];
  /** Place in the order of the stage that answers later. */
  readonly at: number;
  readonly made: Promise<readonly Column[]>;
}

/**
 * @param columns slots: request columns are there, the others are written
 * @param order of `orderAtOnce`
 * @returns nothing when all stages answered at once
 */
export function runStages(
  stages: readonly Stage[],
  order: readonly number[] | undefined,
  columns: (Column | undefined)[],
  context: RunContext,
  notes: RunNotes,
): Promise<void> | undefined {
  if (!order) return runAsFreed(stages, columns, context, notes);
  const { signal } = context;
  const { began, ended } = notes;
  let now = performance.now();
  for (let at = 0; at < order.length; at++) {
    const i = order[at]!;
    const stage = stages[i]!;
    if (signal?.aborted) return Promise.reject(cancelled());
    try {
      began[i] = now;
      const made = stage.kernel.run(inputsOf(stage, columns), context);
      if (made instanceof Promise) return runAsFreed(stages, columns, context, notes, { order, at, made });
      now = performance.now();
      ended[i] = now;
      take(stage, made, columns, now - began[i]!);
    } catch (error) {
      stage.tally.failures++;
      return Promise.reject(nameFault(stage.step, error, "internal error"));
    }
  }
  return undefined;
}

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
  const { firstOutput, ports, tally } = stage;
  if (made.length !== stage.step.outputs.length)
    throw new Error(`${made.length} columns were made and the plan says ${stage.step.outputs.length}`);
  countRun(tally, milliseconds / 1000, rowsRead(ports, columns), made[0]?.rows.count ?? 0);
  for (let j = 0; j < made.length; j++) columns[firstOutput + j] = made[j]!;
}

/** Stages start when those that they read are done: with choices, or from the first stage on that answers later. */
function runAsFreed(
  stages: readonly Stage[],
  columns: (Column | undefined)[],
  context: RunContext,
  notes: RunNotes,
  begun?: Begun,
): Promise<void> | undefined {
  const waits = stages.map(stage => stage.reads.length + stage.waitsFor.length);
  // A stack, so the first step of the plan goes last.
  const ready: number[] = [];
  if (begun) {
    const { order, at } = begun;
    for (let n = 0; n < at; n++) for (const reader of stages[order[n]!]!.readers) waits[reader]!--;
    for (let n = order.length - 1; n > at; n--) if (waits[order[n]!] === 0) ready.push(order[n]!);
  } else for (let i = stages.length - 1; i >= 0; i--) if (waits[i] === 0 && !stages[i]!.chooses) ready.push(i);
  // What only one side of a choice needs, nobody waits for.
  let open = stages.reduce((n, stage) => (stage.guard ? n : n + 1), 0) - (begun?.at ?? 0);
  let ended = false;
  let failure: RuntimeFault | undefined;
  let settle: { resolve(): void; reject(fault: RuntimeFault): void } | undefined;
  let sides: Choices | undefined;
  const fail = (fault: RuntimeFault): void => {
    if (ended) return;
    ended = true;
    failure = fault;
    sides?.close();
    settle?.reject(fault);
  };
  const fault = (i: number, error: unknown): void => {
    const stage = stages[i]!;
    if (!ended) stage.tally.failures++;
    const named = nameFault(stage.step, error, "internal error");
    if (!sides?.takeFault(i, named)) fail(named);
  };
  const leaveLost = (): void => {
    const now = performance.now();
    for (let i = 0; i < stages.length; i++)
      if (!Number.isNaN(notes.began[i]) && Number.isNaN(notes.ended[i]) && sides?.isLost(i)) notes.ended[i] = now;
  };
  const release = (i: number): void => {
    if (--waits[i]! === 0 && !stages[i]!.chooses) ready.push(i);
  };
  const finish = (i: number, made: readonly Column[]): void => {
    const stage = stages[i]!;
    if (sides?.isLost(i)) return;
    const end = performance.now();
    notes.ended[i] = end;
    take(stage, made, columns, end - notes.began[i]!);
    if (!stage.guard) open--;
    for (const reader of stage.readers)
      if (stages[reader]!.chooses) sides!.arrive(reader, i);
      else release(reader);
  };
  const wait = async (i: number, made: Promise<readonly Column[]>): Promise<void> => {
    try {
      finish(i, await made);
    } catch (error) {
      fault(i, error);
    }
    drain();
  };
  const start = (i: number): void => {
    const stage = stages[i]!;
    if (sides?.isLost(i)) return;
    try {
      notes.began[i] = performance.now();
      const made = stage.kernel.run(inputsOf(stage, columns, sides?.portsOf(i)), sides?.contextOf(i) ?? context);
      if (made instanceof Promise) inBackground(wait(i, made), "running a stage");
      else finish(i, made);
    } catch (error) {
      fault(i, error);
    }
  };
  const drain = (): void => {
    while (ready.length > 0 && !ended) {
      if (context.signal?.aborted) fail(cancelled());
      else start(ready.pop()!);
    }
    if (open > 0 || ended) return;
    ended = true;
    sides?.close();
    settle?.resolve();
  };
  if (begun) inBackground(wait(begun.order[begun.at]!, begun.made), "running a stage");
  else if (stages.some(stage => stage.chooses)) {
    notes.fallbacks = new Map();
    sides = choices(stages, context, notes.fallbacks, {
      ready: i => {
        ready.push(i);
      },
      release,
      fail,
      leaveLost,
      drain,
      taken: at => takenSides(stages[at]!, columns),
      tookFault: fault => {
        if (isOfRow(fault)) notes.rowFault = true;
      },
    });
  }
  drain();
  if (ended) return failure && Promise.reject(failure);
  return new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
}

/** Sides of a choice by condition that some row takes; without rows the second. */
function takenSides({ ports }: Stage, columns: readonly (Column | undefined)[]): Side[] {
  const holds = flags(columns[ports.find(([port]) => port === "input")![1][0]!]!);
  const yes: readonly Side[] = holds.includes(1) ? ["yes"] : [];
  return holds.includes(0) || holds.length === 0 ? [...yes, "no"] : [...yes];
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
 * Says which step a fault came from, unless it says so itself.
 * @param otherwise what is said of an error that is no fault; the error itself stays the cause
 */
export function nameFault(step: AnyStep, error: unknown, otherwise: string): RuntimeFault {
  const fault = RuntimeFault.from(error, otherwise);
  if (fault.message.startsWith("step `")) return fault;
  const message = `step \`${step.label}\` (${step.op}): ${fault.message}`;
  return new RuntimeFault(fault.code, message, { cause: fault.cause ?? fault });
}
