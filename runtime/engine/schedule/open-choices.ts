/**
 * The choices among a plan's stages, none of them decided: their sides, and the stages that each side waits for.
 */
import { columnsAt } from "../../../contract/any-step.js";
import type { AnyStep } from "../../../contract/plan.js";
import { choosesByCondition, choosesByOutcome, partsOf, type Side, sidesOf } from "../../../contract/step-facts.js";
import { Cancellable } from "../../base/cancellation.js";
import { type RuntimeFault, unavailable } from "../../base/errors.js";
import type { Stage } from "./stage.js";

export interface Choice {
  readonly step: AnyStep;
  /** A choice by parts takes every side that is not lost. */
  readonly by: "condition" | "outcome" | "parts";
  readonly waits: Map<string, Set<number>>;
  readonly aborts: Map<Side, Cancellable>;
  readonly faults: Map<Side, RuntimeFault>;
  /** Sides that are taken, once that is decided. */
  taken?: readonly Side[];
  started?: true;
  readonly timers: NodeJS.Timeout[];
}

/** By step id. */
export interface Reasons {
  /** Why a fallback was taken. */
  readonly fallbacks: Map<string, string>;
  /** Why a source was left out, by its port. */
  readonly leftOut: Map<string, Map<string, string>>;
}

/** A merge without any source. */
export function nothingLeft(step: AnyStep, reasons: ReadonlyMap<string, string>): RuntimeFault {
  const names = partsOf(step);
  const all = [...reasons].map(([port, reason]) => `\`${names?.get(port) ?? port}\`: ${reason.replace(/[.!?]$/, "")}`);
  return unavailable(`step \`${step.label}\` (${step.op}): all sources are left out. ${all.join("; ")}.`);
}

/** The choices among the stages, none of them decided. */
export function openChoices(stages: readonly Stage[]): ReadonlyMap<number, Choice> {
  const placeOf = new Map(stages.map(({ step }, i) => [step.id, i]));
  const all = new Map<number, Choice>();
  for (const [at, { step }] of stages.entries()) {
    const sides = sidesOf(step);
    if (!sides) continue;
    const by = choosesByCondition(step.op) ? "condition" : choosesByOutcome(step.op) ? "outcome" : "parts";
    const ports = by === "condition" ? ["input", ...sides] : sides;
    const reads = (port: string) => new Set((columnsAt(step, port) ?? []).flatMap(ref => placeOf.get(ref.step) ?? []));
    all.set(at, {
      step,
      by,
      waits: new Map(ports.map(port => [port, reads(port)])),
      aborts: new Map(by === "condition" ? [] : sides.map(side => [side, new Cancellable()])),
      faults: new Map(),
      timers: [],
      ...(by === "parts" && { taken: sides }),
    });
  }
  return all;
}
