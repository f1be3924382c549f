/**
 * The phase that lowers the graph and runs the passes: for serving, for a fit, and again with the state of a fit.
 */

import type { Plan } from "../contract/plan.js";
import { withoutInputs } from "../contract/restrict-plan.js";
import { printColumn } from "../contract/schema.js";
import { shadowInside } from "../contract/shadows.js";
import { infer } from "./3-graph/infer.js";
import { optimiseCarried } from "./4-plan/carried.js";
import { lower } from "./4-plan/lower.js";
import type { Optimised, PassReport } from "./4-plan/optimised.js";
import { optimise, type PassName } from "./4-plan/passes.js";
import { columnWithoutBatch } from "./5-emit/configs.js";
import { readSettings, type Settings } from "./5-emit/settings/read-settings.js";
import { warmUpProblems } from "./5-emit/settings/warm-up.js";
import { type InferredProgram, inferOptions } from "./infer-program.js";
import type { Phase, Program } from "./phase.js";
import { exportSite, programFault } from "./program-faults.js";

export interface Planned {
  /** The plan of a workflow, as `merlon fit` takes it: no steps fused. */
  readonly plan: Plan;
  /** The plan with every pass done; of an ensemble the same. */
  readonly served: Plan;
  /** Changes by each pass to the plan, and to the plans of the fitted workflows in it. */
  readonly passes: readonly PassReport[];
  /** The plan again, with the state of a fit (by step id): schemas then have domains and embedding sizes. */
  withState(states: ReadonlyMap<string, unknown>): Plan;
}

/**
 * @param fused what was fused inside fitted workflows
 * @param off passes to leave out
 * @returns the plans of a program without faults, and reasons against serving them
 */
export function planProgram(
  program: Program,
  fused: InferredProgram["fused"],
  off: ReadonlySet<PassName> = new Set(),
): Phase<Planned> {
  const { sources, graph } = program;
  const isWorkflow = graph.kind === "workflow";
  // `merlon fit` handles operators one by one.
  const offInFit = isWorkflow ? new Set<PassName>([...off, "fuseElementwise"]) : off;
  const { plan: served, reports } = planWith(program, new Map(), off);
  const passes = reports.map(report =>
    report.pass === "fuseElementwise" ? { ...report, notes: [...report.notes, ...inWorkflows(served, fused)] } : report,
  );
  const plan = isWorkflow ? planWith(program, new Map(), offInFit).plan : served;
  const problems = isWorkflow ? [] : servingProblems(plan, readSettings(graph.options));
  const withState: Planned["withState"] = states => planWith(program, statesOfTwins(states, passes), offInFit).plan;
  return {
    value: { plan, served, passes, withState },
    findings: problems.map(problem => programFault(graph, problem, exportSite(sources))),
  };
}

/** @throws Error if the fitted state removes columns that the program names */
function planWith(program: Program, states: ReadonlyMap<string, unknown>, off: ReadonlySet<PassName>): Optimised {
  const { graph } = program;
  const known = infer(graph, { ...inferOptions(program), states });
  const fault = known.faults.find(({ severity }) => severity === "error");
  if (fault) throw new Error(`after fitting, ${fault.message.message}`);
  const lowered = lower(graph, known, states);
  const removed = graph.options.removeInputs as readonly string[] | undefined;
  return optimiseCarried(removed ? withoutInputs(lowered, removed) : lowered, plan => optimise(plan, off));
}

/** The fused steps inside the fitted workflows of a plan. */
const inWorkflows = (plan: Plan, fused: InferredProgram["fused"]): PassReport["notes"] =>
  plan.steps.flatMap(({ id }) =>
    (fused.get(id) ?? []).map(({ step, text, saves }) => ({ step: id, text: `inside, \`${step}\` ${text}`, saves })),
  );

/** A fit read one of two equal steps; the other gets the same state, so that they are equal again. */
function statesOfTwins(
  states: ReadonlyMap<string, unknown>,
  passes: readonly PassReport[],
): ReadonlyMap<string, unknown> {
  const all = new Map(states);
  for (const { notes } of passes)
    for (const { step, into } of notes) if (into !== undefined && states.has(into)) all.set(step, states.get(into));
  return all;
}

function servingProblems(plan: Plan, settings: Settings): string[] {
  const unbatched = settings.dynamicBatching && columnWithoutBatch(plan);
  const nested = shadowInside(plan);
  return [
    ...(nested
      ? [
          `the shadow \`${nested.inner.label}\` is inside the branch of the shadow \`${nested.outer.label}\`, and would never run. Put it on the columns of the response`,
        ]
      : []),
    ...(unbatched
      ? [
          `\`dynamicBatching\` needs a batch dimension, which \`${printColumn(unbatched)}\` takes away: it has no fixed or bounded length. Give it one (${plan.inputs.includes(unbatched) ? `\`${unbatched.dtype}[20]\` in \`source\`, padded by the client` : "`listSlice` with `pad`"}), or leave \`dynamicBatching\` out`,
        ]
      : []),
    ...warmUpProblems(settings.warmup, plan.inputs),
  ];
}
