/**
 * The phase that gives every node its columns, and finds what is wrong with the program as a whole.
 */
import { type InferOptions, type InferredGraph, infer } from "./3-graph/infer.js";
import { readLogOptions } from "./3-graph/log-options.js";
import type { PassNote } from "./4-plan/pass.js";
import { type PassName, servedPlan } from "./4-plan/passes.js";
import { settingsProblems } from "./5-emit/settings/read-settings.js";
import { diagnosticAt } from "./diagnostics/diagnostic.js";
import type { Phase, Program } from "./phase.js";
import { faultSite, siteRange } from "./place-faults.js";
import { foreignNodes, programFaults } from "./program-faults.js";

export interface InferredProgram {
  readonly inferred: InferredGraph;
  /** The fused steps inside the fitted workflow of a step, by step id. */
  readonly fused: ReadonlyMap<string, readonly PassNote[]>;
}

/** The parts of a program that inference reads. */
export const inferOptions = ({ sources, artefacts }: Program): InferOptions => ({
  artefacts,
  lambdas: sources.lambdas,
  variable: site => (site === undefined ? undefined : sources.sites[site]?.variable),
});

/** Describes the fault of the log's options, apart from its nodes. */
function logProblems({ log, options }: Program["graph"]): string[] {
  if (!log) return [];
  const read = readLogOptions(log.options);
  if (typeof read === "string") return [read];
  return options.responseCache === true
    ? ["`responseCache` answers without a run, which `log` would miss: leave one of them out"]
    : [];
}

/** @param off passes that are left out, inside fitted workflows too */
export function inferProgram(program: Program, off: ReadonlySet<PassName> | undefined): Phase<InferredProgram> {
  const { sources, graph } = program;
  const fused = new Map<string, readonly PassNote[]>();
  const inferred = infer(graph, {
    ...inferOptions(program),
    served: (step, workflow) => {
      const { plan, notes } = servedPlan(workflow, off);
      fused.set(step, notes);
      return plan;
    },
  });
  const faults = inferred.faults.map(fault => {
    const related = fault.related.flatMap(({ note, site }) =>
      site === undefined ? [] : [{ note, site: siteRange(sources, site, "whole") }],
    );
    return diagnosticAt(faultSite(sources, fault), fault.message, related, fault.severity);
  });
  const settings = graph.kind === "ensemble" ? [...settingsProblems(graph.options), ...logProblems(graph)] : [];
  return {
    value: { inferred, fused },
    findings: [...faults, ...foreignNodes(sources, graph), ...programFaults(sources, graph, inferred, settings)],
  };
}
