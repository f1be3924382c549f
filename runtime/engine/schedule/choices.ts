/**
 * The choices of one run: which side of each `fallback` and `choose` is taken. In a fallback the left side wins if it is done first. A
 * fault or a timeout selects the other side, and the losing side is cancelled. The sides of a `choose` start when its condition is known,
 * and only those that a row takes. A merge takes all its sources but those that it may leave out, which fail or are late.
 */
import { type Side, timeOfFirst, timesOfParts } from "../../../contract/step-facts.js";
import { either } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { RunContext } from "./kernel.js";
import { type Choice, nothingLeft, openChoices, type Reasons } from "./open-choices.js";
import type { Stage } from "./stage.js";

export interface Choices {
  /** A stage that a choice reads is done. */
  arrive(choice: number, from: number): void;
  /** Takes the fault of a stage that only one side needs; false where the request needs it. */
  takeFault(stage: number, fault: RuntimeFault): boolean;
  /** Whether the stage belongs to a side that is not taken. */
  isLost(stage: number): boolean;
  /** The ports that a choice gets; undefined for other stages. */
  portsOf(stage: number): readonly string[] | undefined;
  /** The context of a stage: it ends when its side loses. */
  contextOf(stage: number): RunContext;
  close(): void;
}

/** Sides that a choice by condition takes: what the condition, whose port is `input`, says. */
export type Taken = (choice: number) => readonly Side[];

interface Run {
  /** The stage may start. */
  ready(stage: number): void;
  /** A stage that waited for a `choose` waits for one thing less. */
  release(stage: number): void;
  fail(fault: RuntimeFault): void;
  /** Ends the stages of the losing side, for the timings. */
  leaveLost(): void;
  /** Starts what is ready. */
  drain(): void;
  readonly taken: Taken;
  /** A fallback takes the place of a side for this fault. */
  tookFault(fault: RuntimeFault): void;
}

/** @param reasons is filled in */
export const choices = (stages: readonly Stage[], context: RunContext, reasons: Reasons, run: Run): Choices => {
  const made = new RunChoices(stages, context, reasons, run);
  made.start();
  return made;
};

class RunChoices implements Choices {
  readonly #stages: readonly Stage[];
  readonly #context: RunContext;
  readonly #reasons: Reasons;
  readonly #run: Run;
  /** By the place of their stage. */
  readonly #all: ReadonlyMap<number, Choice>;
  readonly #contexts = new Map<number, RunContext>();

  constructor(stages: readonly Stage[], context: RunContext, reasons: Reasons, run: Run) {
    this.#stages = stages;
    this.#context = context;
    this.#reasons = reasons;
    this.#run = run;
    this.#all = openChoices(stages);
  }

  /** Limits the time of fallbacks, and decides choices that read only the request. */
  start(): void {
    for (const [at, choice] of this.#all) {
      const within = timeOfFirst(choice.step);
      if (within !== undefined) choice.timers.push(setTimeout(() => this.#endTime(at, within), within));
      for (const [side, time] of Object.entries(timesOfParts(choice.step) ?? {}))
        choice.timers.push(setTimeout(() => this.#endPart(at, side as Side, time), time));
    }
    for (const at of this.#all.keys()) this.#decideWhenRead(at);
  }

  arrive(at: number, from: number): void {
    const choice = this.#all.get(at)!;
    for (const waits of choice.waits.values()) waits.delete(from);
    if (choice.taken !== undefined) this.#startWhenDone(at);
    else this.#decideWhenRead(at);
  }

  isLost(stage: number): boolean {
    const { guard } = this.#stages[stage]!;
    if (!guard) return false;
    const { taken } = this.#all.get(guard.choice)!;
    return (taken !== undefined && !taken.includes(guard.side)) || this.isLost(guard.choice);
  }

  portsOf(stage: number): readonly string[] | undefined {
    const choice = this.#all.get(stage);
    return choice && [...(choice.by === "condition" ? ["input"] : []), ...(choice.taken ?? [])];
  }

  takeFault(stage: number, fault: RuntimeFault): boolean {
    if (this.isLost(stage)) return true;
    const { guard } = this.#stages[stage]!;
    if (!guard || this.#context.signal?.aborted) return false;
    const choice = this.#all.get(guard.choice)!;
    // A side that rows take is as necessary as its reader.
    if (choice.by === "condition") return this.takeFault(guard.choice, fault);
    if (choice.by === "parts") return this.#takePartFault(guard.choice, guard.side, fault);
    choice.faults.set(guard.side, fault);
    if (guard.side === "input") {
      if (choice.taken === undefined) this.#run.tookFault(fault);
      this.#giveUp(guard.choice, fault.message);
    }
    // The other side's fault counts when it is needed.
    else if (choice.taken?.includes("fallback")) this.#failBoth(guard.choice, fault);
    return true;
  }

  contextOf(stage: number): RunContext {
    const { guard } = this.#stages[stage]!;
    if (!guard) return this.#context;
    const known = this.#contexts.get(stage);
    if (known) return known;
    const above = this.contextOf(guard.choice);
    const signal = this.#all.get(guard.choice)!.aborts.get(guard.side);
    const made = signal ? { ...above, signal: either(above.signal, signal) } : above;
    this.#contexts.set(stage, made);
    return made;
  }

  close(): void {
    for (const { timers, aborts } of this.#all.values()) {
      for (const timer of timers) clearTimeout(timer);
      for (const abort of aborts.values()) abort.abort();
    }
  }

  #endTime(at: number, within: number): void {
    if (this.#all.get(at)!.taken !== undefined) return;
    this.#giveUp(at, `not done within ${within} ms`);
    this.#run.drain();
  }

  /** A source that may be left out; else the fault is the merge's. */
  #takePartFault(at: number, side: Side, fault: RuntimeFault): boolean {
    if (timesOfParts(this.#all.get(at)!.step)?.[side] === undefined) return this.takeFault(at, fault);
    this.#run.tookFault(fault);
    this.#leaveOut(at, side, fault.message);
    return true;
  }

  #endPart(at: number, side: Side, within: number): void {
    const { started, taken, waits } = this.#all.get(at)!;
    if (started || !taken!.includes(side) || waits.get(side)!.size === 0) return;
    this.#leaveOut(at, side, `not done within ${within} ms`);
    this.#run.drain();
  }

  #leaveOut(at: number, side: Side, reason: string): void {
    const choice = this.#all.get(at)!;
    const { step } = choice;
    choice.taken = choice.taken!.filter(other => other !== side);
    const reasons = this.#reasons.leftOut.get(step.id) ?? new Map<string, string>();
    this.#reasons.leftOut.set(step.id, reasons.set(side, reason));
    const part = this.#stages[at]!.counters.parts?.find(({ port }) => port === side);
    if (part) part.leftOut++;
    choice.aborts.get(side)!.abort();
    this.#run.leaveLost();
    if (choice.taken.length > 0) this.#startWhenDone(at);
    else this.#fail(at, nothingLeft(step, reasons));
  }

  #decideWhenRead(at: number): void {
    const { by, waits } = this.#all.get(at)!;
    if (by === "parts") {
      this.#startWhenDone(at);
      return;
    }
    if (waits.get("input")!.size > 0) return;
    if (by === "outcome") this.#takeSide(at, "input");
    else this.#decide(at);
  }

  /** A `choose`: its sides start that a row takes. */
  #decide(at: number): void {
    const choice = this.#all.get(at)!;
    choice.taken = this.#run.taken(at);
    // Pushed onto a stack: the first step of the plan is last.
    for (let i = this.#stages.length - 1; i >= 0; i--) {
      const { waitsFor, guard } = this.#stages[i]!;
      const lost = guard?.choice === at && !choice.taken.includes(guard.side);
      if (waitsFor.includes(at) && !lost) this.#run.release(i);
    }
    this.#startWhenDone(at);
  }

  /** A `fallback`: the first side cannot answer. */
  #giveUp(at: number, reason: string): void {
    this.#reasons.fallbacks.set(this.#all.get(at)!.step.id, reason);
    this.#stages[at]!.counters.fallbacks++;
    this.#takeSide(at, "fallback");
  }

  /** A `fallback`: one side has its place, and the other one is cancelled. */
  #takeSide(at: number, side: Side): void {
    const choice = this.#all.get(at)!;
    choice.taken = [side];
    for (const timer of choice.timers) clearTimeout(timer);
    for (const [other, abort] of choice.aborts) if (other !== side) abort.abort();
    this.#run.leaveLost();
    const fault = choice.faults.get(side);
    if (!fault) this.#startWhenDone(at);
    else if (side === "fallback") this.#failBoth(at, fault);
    else this.#fail(at, fault);
  }

  /** Neither side succeeded: the fault is the other side's, and names the fault that it replaced. */
  #failBoth(at: number, fault: RuntimeFault): void {
    const { step } = this.#all.get(at)!;
    const message = `${fault.message.replace(/(?<![.!?])$/, ".")} Fallback of \`${step.label}\` after: ${this.#reasons.fallbacks.get(step.id)}`;
    this.#fail(at, new RuntimeFault(fault.code, message, { cause: fault.cause ?? fault }));
  }

  #fail(at: number, fault: RuntimeFault): void {
    if (!this.takeFault(at, fault)) this.#run.fail(fault);
  }

  #startWhenDone(at: number): void {
    const choice = this.#all.get(at)!;
    if (choice.started || !choice.taken?.every(side => choice.waits.get(side)!.size === 0)) return;
    choice.started = true;
    this.#run.ready(at);
  }
}
