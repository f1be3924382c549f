/**
 * The choices of one run: which side of each `fallback` and `choose` is taken. Of a fallback the left side wins when it is done first; a fault or the end
 * of its time gives the other side the place, and the side that lost is cancelled. The sides of a `choose` start when its condition is known, and only
 * those that a row takes.
 */
import type { AnyStep } from "../../../contract/plan.js";
import { choiceOf } from "../../../contract/step-facts.js";
import type { ChoiceFact, Side } from "../../../operators/shared/spec/facts.js";
import { Cancellable, either } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { RunContext } from "./kernel.js";
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

interface Choice {
  readonly step: AnyStep;
  readonly by: ChoiceFact<object>["by"];
  readonly waits: Map<string, Set<number>>;
  readonly aborts: Map<Side, Cancellable>;
  readonly faults: Map<Side, RuntimeFault>;
  /** Sides that are taken, once that is decided. */
  taken?: readonly Side[];
  started?: true;
  timer?: NodeJS.Timeout;
}

interface Run {
  /** The stage may start. */
  ready(stage: number): void;
  /** A stage that waited for a `choose` waits for one thing less. */
  release(stage: number): void;
  fail(fault: RuntimeFault): void;
  /** What a side that lost has begun ends here, for those who ask how long things took. */
  leaveLost(): void;
  /** Starts what is ready. */
  drain(): void;
  readonly taken: Taken;
  /** A fallback takes the place of a side for this fault. */
  tookFault(fault: RuntimeFault): void;
}

/** @param reasons gets why a fallback was taken, by step id */
export function choices(
  stages: readonly Stage[],
  context: RunContext,
  reasons: Map<string, string>,
  run: Run,
): Choices {
  const all = new Map<number, Choice>();
  const placeOf = new Map(stages.map(({ step }, i) => [step.id, i]));
  const contexts = new Map<number, RunContext>();

  const startWhenDone = (at: number): void => {
    const choice = all.get(at)!;
    if (choice.started || !choice.taken?.every(side => choice.waits.get(side)!.size === 0)) return;
    choice.started = true;
    run.ready(at);
  };
  const fallBackOn = (at: number, side: Side): void => {
    const choice = all.get(at)!;
    choice.taken = [side];
    clearTimeout(choice.timer);
    for (const [other, abort] of choice.aborts) if (other !== side) abort.abort();
    run.leaveLost();
    const fault = choice.faults.get(side);
    if (fault && side === "fallback") failBoth(at, fault);
    else if (fault) {
      if (!takeFault(at, fault)) run.fail(fault);
    } else startWhenDone(at);
  };
  /** Neither side could answer: the fault is the other side's, and says what it stood in for. */
  const failBoth = (at: number, fault: RuntimeFault): void => {
    const { step } = all.get(at)!;
    const message = `${fault.message.replace(/(?<![.!?])$/, ".")} It stood in at \`${step.label}\` after: ${reasons.get(step.id)}`;
    const both = new RuntimeFault(fault.code, message, { cause: fault.cause ?? fault });
    if (!takeFault(at, both)) run.fail(both);
  };
  const giveUp = (at: number, reason: string): void => {
    reasons.set(all.get(at)!.step.id, reason);
    stages[at]!.tally.fallbacks++;
    fallBackOn(at, "fallback");
  };
  const decide = (at: number): void => {
    const choice = all.get(at)!;
    choice.taken = run.taken(at);
    // Onto a stack: the first step of the plan goes last.
    for (let i = stages.length - 1; i >= 0; i--) {
      const { waitsFor, guard } = stages[i]!;
      const lost = guard?.choice === at && !choice.taken.includes(guard.side);
      if (waitsFor.includes(at) && !lost) run.release(i);
    }
    startWhenDone(at);
  };

  stages.forEach(({ step }, at) => {
    const fact = choiceOf(step.op);
    if (!fact) return;
    const { sides, by } = fact;
    const ports = by === "condition" ? ["input", ...sides] : sides;
    const reads = (port: string) => new Set((step.inputs[port] ?? []).flatMap(ref => placeOf.get(ref.step) ?? []));
    const choice: Choice = {
      step,
      by,
      waits: new Map(ports.map(port => [port, reads(port)])),
      aborts: new Map(by === "outcome" ? sides.map(side => [side, new Cancellable()]) : []),
      faults: new Map(),
    };
    all.set(at, choice);
    const within = fact.within?.(step.params);
    if (within === undefined) return;
    choice.timer = setTimeout(() => {
      if (choice.taken !== undefined) return;
      giveUp(at, `not done within ${within} ms`);
      run.drain();
    }, within);
  });
  const isLost = (stage: number): boolean => {
    const { guard } = stages[stage]!;
    if (!guard) return false;
    const { taken } = all.get(guard.choice)!;
    return (taken !== undefined && !taken.includes(guard.side)) || isLost(guard.choice);
  };
  const takeFault: Choices["takeFault"] = (stage, fault) => {
    if (isLost(stage)) return true;
    const { guard } = stages[stage]!;
    if (!guard || context.signal?.aborted) return false;
    const choice = all.get(guard.choice)!;
    // A side that rows take is as needed as what reads it.
    if (choice.by === "condition") return takeFault(guard.choice, fault);
    choice.faults.set(guard.side, fault);
    if (guard.side === "input") {
      if (choice.taken === undefined) run.tookFault(fault);
      giveUp(guard.choice, fault.message);
    }
    // The other side's fault counts when it is needed.
    else if (choice.taken?.includes("fallback")) failBoth(guard.choice, fault);
    return true;
  };
  const contextOf = (stage: number): RunContext => {
    const { guard } = stages[stage]!;
    if (!guard) return context;
    const known = contexts.get(stage);
    if (known) return known;
    const above = contextOf(guard.choice);
    const signal = all.get(guard.choice)!.aborts.get(guard.side);
    const made = signal ? { ...above, signal: either(above.signal, signal) } : above;
    contexts.set(stage, made);
    return made;
  };
  // What reads only the request is there from the start.
  for (const [at, { by, waits }] of all)
    if (waits.get("input")!.size === 0)
      if (by === "outcome") fallBackOn(at, "input");
      else decide(at);
  return {
    isLost,
    portsOf: stage => {
      const choice = all.get(stage);
      return choice && [...(choice.by === "condition" ? ["input"] : []), ...(choice.taken ?? [])];
    },
    arrive: (at, from) => {
      const choice = all.get(at)!;
      for (const waits of choice.waits.values()) waits.delete(from);
      if (choice.taken !== undefined) startWhenDone(at);
      else if (choice.waits.get("input")!.size === 0)
        if (choice.by === "outcome") fallBackOn(at, "input");
        else decide(at);
    },
    takeFault,
    contextOf,
    close: () => {
      for (const { timer, aborts } of all.values()) {
        clearTimeout(timer);
        for (const abort of aborts.values()) abort.abort();
      }
    },
  };
}
