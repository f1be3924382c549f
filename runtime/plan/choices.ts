/**
 * The fallbacks of one run: which side of each is taken. The left side wins when it is done first; a fault or the end of its time gives the other
 * side the place. The side that lost is cancelled, and what it still answers is dropped.
 */
import type { AnyStep } from "../../triton-protos/plan.js";
import type { RuntimeFault } from "../errors.js";
import type { Side } from "./branches.js";
import type { RunContext } from "./kernel.js";
import type { Stage } from "./run-stages.js";

export interface Choices {
  /** A stage that a fallback reads is done. */
  arrive(fallback: number, from: number): void;
  /** Takes the fault of a stage that only one side needs; false where the request needs it. */
  takeFault(stage: number, fault: RuntimeFault): boolean;
  /** Whether the stage belongs to a side that lost. */
  isLost(stage: number): boolean;
  /** The port that a fallback gets; undefined for other stages. */
  portOf(stage: number): Side | undefined;
  /** The context of a stage: it ends when its side loses. */
  contextOf(stage: number): RunContext;
  close(): void;
}

interface Choice {
  readonly step: AnyStep & { readonly op: "fallback" };
  readonly waits: Record<Side, Set<number>>;
  readonly aborts: Record<Side, AbortController>;
  readonly faults: Partial<Record<Side, RuntimeFault>>;
  chosen?: Side;
  timer?: NodeJS.Timeout;
}

interface Run {
  /** The stage may start. */
  ready(stage: number): void;
  fail(fault: RuntimeFault): void;
  /** Starts what is ready. */
  drain(): void;
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

  const choose = (at: number, side: Side): void => {
    const choice = all.get(at)!;
    choice.chosen = side;
    clearTimeout(choice.timer);
    choice.aborts[side === "input" ? "fallback" : "input"].abort();
    const fault = choice.faults[side];
    if (fault) {
      if (!takeFault(at, fault)) run.fail(fault);
    } else if (choice.waits[side].size === 0) run.ready(at);
  };
  const giveUp = (at: number, reason: string): void => {
    reasons.set(all.get(at)!.step.id, reason);
    choose(at, "fallback");
  };

  stages.forEach(({ step }, at) => {
    if (step.op !== "fallback") return;
    const reads = (side: Side) => new Set((step.inputs[side] ?? []).flatMap(ref => placeOf.get(ref.step) ?? []));
    const choice: Choice = {
      step,
      waits: { input: reads("input"), fallback: reads("fallback") },
      aborts: { input: new AbortController(), fallback: new AbortController() },
      faults: {},
    };
    all.set(at, choice);
    const { within } = step.params;
    if (within === undefined) return;
    choice.timer = setTimeout(() => {
      if (choice.chosen !== undefined) return;
      giveUp(at, `not done within ${within} ms`);
      run.drain();
    }, within);
  });
  const isLost = (stage: number): boolean => {
    const { guard } = stages[stage]!;
    if (!guard) return false;
    const { chosen } = all.get(guard.fallback)!;
    return (chosen !== undefined && chosen !== guard.side) || isLost(guard.fallback);
  };
  const takeFault: Choices["takeFault"] = (stage, fault) => {
    if (isLost(stage)) return true;
    const { guard } = stages[stage]!;
    if (!guard || context.signal?.aborted) return false;
    const choice = all.get(guard.fallback)!;
    choice.faults[guard.side] = fault;
    if (guard.side === "input") giveUp(guard.fallback, fault.message);
    // The other side's fault counts when it is needed.
    else if (choice.chosen === "fallback") return takeFault(guard.fallback, fault);
    return true;
  };
  const contextOf = (stage: number): RunContext => {
    const { guard } = stages[stage]!;
    if (!guard) return context;
    const known = contexts.get(stage);
    if (known) return known;
    const above = contextOf(guard.fallback);
    const { signal } = all.get(guard.fallback)!.aborts[guard.side];
    const made = { ...above, signal: above.signal ? AbortSignal.any([above.signal, signal]) : signal };
    contexts.set(stage, made);
    return made;
  };
  // A side that reads only the request is there from the start.
  for (const [at, { waits }] of all) if (waits.input.size === 0) choose(at, "input");
  return {
    isLost,
    portOf: stage => all.get(stage)?.chosen,
    arrive: (at, from) => {
      const choice = all.get(at)!;
      choice.waits.input.delete(from);
      choice.waits.fallback.delete(from);
      if (choice.chosen === undefined) {
        if (choice.waits.input.size === 0) choose(at, "input");
      } else if (choice.chosen === "fallback" && choice.waits.fallback.size === 0) run.ready(at);
    },
    takeFault,
    contextOf,
    close: () => {
      for (const { timer, aborts } of all.values()) {
        clearTimeout(timer);
        for (const abort of Object.values(aborts)) abort.abort();
      }
    },
  };
}
