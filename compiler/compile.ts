/**
 * The pipeline: file → rewrite → check → graph → plan. Mistakes of the author are collected and returned, never thrown.
 */
import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { withoutInputs } from "../contract/cut-plan.js";
import type { Plan } from "../contract/plan.js";
import { isMerlonFile, SUFFIXES } from "./1-rewrite/rewrite.js";
import { check, isGeneral } from "./2-check/check.js";
import { loadSources, type ProgramSources, releaseSources, transpile } from "./2-check/sources.js";
import { artefactReader } from "./3-graph/artefacts.js";
import type { GraphDocument } from "./3-graph/document.js";
import { evaluate, startEvaluator } from "./3-graph/evaluate.js";
import { type InferredGraph, type InferredStep, infer } from "./3-graph/infer.js";
import { lower } from "./4-plan/lower.js";
import type { Optimised, PassReport } from "./4-plan/optimised.js";
import type { PassNote } from "./4-plan/pass.js";
import { optimise, type PassName, servedPlan } from "./4-plan/passes.js";
import { optimiseSubgraphs } from "./4-plan/subgraphs.js";
import { readSettings, settingsProblems } from "./5-emit/settings/read-settings.js";
import { servingProblems } from "./5-emit/settings/serving-problems.js";
import {
  type Diagnostic,
  type DiagnosticSite,
  diagnosticAt,
  type Finding,
  locate,
  type Message,
} from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import { faultSite, foreignFrame, siteRange } from "./place-faults.js";
import { exportFaults, exportSite, foreignNodes, programFault, programFaults } from "./program-faults.js";
import { addEnvironment } from "./typegen/program-entries.js";

export interface CompileOptions {
  /** Passes to leave out. */
  readonly off?: ReadonlySet<PassName>;
  readonly timeoutSeconds?: number;
}

export interface Compiled {
  readonly ok: true;
  /** Of a workflow: as `merlon fit` takes it, no steps fused. */
  readonly plan: Plan;
  /** The plan with every pass done; of an ensemble the same. */
  readonly served: Plan;
  /** What each pass did to the plan, and to the plans of the fitted workflows in it. */
  readonly passes: readonly PassReport[];
  readonly graph: GraphDocument;
  readonly inferred: InferredGraph;
  readonly steps: readonly InferredStep[];
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
  /** What the answer depends on: the program's files, and the artefacts it names, those that are missing included. */
  readonly files: readonly string[];
  /** The plan again, with what a fit learnt (state by step id): schemas then carry domains and embedding sizes. */
  withState(states: ReadonlyMap<string, unknown>): Plan;
  /** The author's operator that a step was made of; what the file exports for no step of it. */
  siteOf(step: string | undefined): DiagnosticSite;
  /** What is to be said of artefacts that were written since the program was compiled: its plan is not theirs. */
  changed(): readonly Message[];
}

export interface NotCompiled {
  readonly ok: false;
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly string[];
}

/**
 * Compiles one `*.ensemble.ts` or `*.workflow.ts`.
 * @param file path, absolute or relative to the working directory
 */
export async function compile(file: string, options: CompileOptions = {}): Promise<Compiled | NotCompiled> {
  const entry = resolve(file);
  const unreadable = fileProblem(entry);
  if (unreadable) return { ok: false, diagnostics: locate([unreadable], () => ""), files: [entry] };
  startEvaluator();
  const sources = loadSources(entry);
  const read = (path: string) => sources.texts.get(path) ?? "";
  const artefacts = artefactReader(dirname(entry));
  const files = () => [...sources.texts.keys(), ...artefacts.used];
  const findings: Finding[] = [...sources.findings];
  if (findings.length) {
    releaseSources(sources);
    return { ok: false, diagnostics: locate(findings, read), files: files() };
  }
  findings.push(...addEnvironment(sources, artefacts), ...check(sources));
  const transpiled = transpile(sources);
  releaseSources(sources);
  const evaluated = await evaluate({
    entry: pathToFileURL(sources.entry).href,
    modules: transpiled.modules,
    ...(options.timeoutSeconds && { timeoutSeconds: options.timeoutSeconds }),
  });
  const whole = { file: sources.entry, start: 0, end: 1 };
  const shown = basename(entry);
  if (evaluated.kind === "timeout") {
    const busy = foreignFrame(sources, transpiled, evaluated.stack);
    findings.push(diagnosticAt(busy ?? whole, messages.graphTimeout({ file: shown, seconds: evaluated.seconds })));
  } else {
    findings.push(
      ...evaluated.faults.map(fault => diagnosticAt(siteRange(sources, fault.site, fault.side), fault.message)),
    );
    if (evaluated.kind === "threw" && findings.length === 0)
      findings.push(
        diagnosticAt(
          foreignFrame(sources, transpiled, evaluated.stack) ?? whole,
          messages.graphEvaluationFailed({ file: shown, reason: evaluated.reason }),
        ),
      );
    if (evaluated.kind !== "threw") findings.push(...exportFaults(sources, evaluated));
  }
  if (evaluated.kind !== "graph")
    return { ok: false, diagnostics: locate(preferGraph(findings, sources), read), files: files() };

  const { graph } = evaluated;
  const variable = (site: number | undefined) => (site === undefined ? undefined : sources.sites[site]?.variable);
  const { lambdas } = sources;
  const fused = new Map<string, readonly PassNote[]>();
  const inferred = infer(graph, {
    artefacts,
    variable,
    lambdas,
    served: (step, workflow) => {
      const { plan, notes } = servedPlan(workflow, options.off);
      fused.set(step, notes);
      return plan;
    },
  });
  findings.push(
    ...inferred.faults.map(fault =>
      diagnosticAt(
        faultSite(sources, fault),
        fault.message,
        fault.related.flatMap(({ note, site }) =>
          site === undefined ? [] : [{ note, site: siteRange(sources, site, "whole") }],
        ),
      ),
    ),
  );
  findings.push(
    ...foreignNodes(sources, graph),
    ...programFaults(sources, graph, inferred, graph.kind === "ensemble" ? settingsProblems(graph.options) : []),
  );
  const diagnostics = locate(preferGraph(findings, sources), read);
  if (diagnostics.some(d => d.severity === "error")) return { ok: false, diagnostics, files: files() };
  const planWith = (states: ReadonlyMap<string, unknown>, off = options.off): Optimised => {
    const known = infer(graph, { artefacts, variable, lambdas, states });
    // What was learnt may take columns away that the program names.
    if (known.faults[0]) throw new Error(`after fitting, ${known.faults[0].message.message}`);
    const lowered = lower(graph, known, states);
    const removed = graph.options.removeInputs as readonly string[] | undefined;
    return optimiseSubgraphs(removed ? withoutInputs(lowered, removed) : lowered, plan => optimise(plan, off));
  };
  const { plan: served, reports } = planWith(new Map());
  const passes = reports.map(report =>
    report.pass === "fuseElementwise" ? { ...report, notes: [...report.notes, ...inWorkflows(served, fused)] } : report,
  );
  const isWorkflow = graph.kind === "workflow";
  const unfused = new Set<PassName>([...(options.off ?? []), "fuseElementwise"]);
  const plan = isWorkflow ? planWith(new Map(), unfused).plan : served;
  const unservable = graph.kind === "ensemble" ? servingProblems(plan, readSettings(graph.options)) : [];
  if (unservable.length) {
    const faults = unservable.map(problem => programFault(graph, problem, exportSite(sources)));
    return { ok: false, diagnostics: locate([...findings, ...faults], read), files: files() };
  }
  const withState: Compiled["withState"] = states =>
    planWith(statesOfTwins(states, passes), isWorkflow ? unfused : options.off).plan;
  return {
    ok: true,
    plan,
    served,
    passes,
    graph,
    inferred,
    steps: inferred.steps,
    diagnostics,
    files: files(),
    withState,
    siteOf: id => {
      const site = inferred.steps.find(step => step.id === id)?.site;
      return site === undefined ? exportSite(sources) : siteRange(sources, site, "right");
    },
    changed: artefacts.changed,
  };
}

/** What was fused inside the fitted workflows that a plan applies. */
const inWorkflows = (plan: Plan, fused: ReadonlyMap<string, readonly PassNote[]>): readonly PassNote[] =>
  plan.steps.flatMap(({ id }) =>
    (fused.get(id) ?? []).map(({ step, text, saves }) => ({ step: id, text: `inside, \`${step}\` ${text}`, saves })),
  );

/** A fit saw one of two equal steps; the other has learnt the same, so that they are equal again. */
function statesOfTwins(
  states: ReadonlyMap<string, unknown>,
  passes: readonly PassReport[],
): ReadonlyMap<string, unknown> {
  const all = new Map(states);
  for (const { notes } of passes)
    for (const { step, into } of notes) if (into !== undefined && states.has(into)) all.set(step, states.get(into));
  return all;
}

function fileProblem(entry: string): Finding | undefined {
  const site = { file: entry, start: 0, end: 1 };
  if (!existsSync(entry))
    return diagnosticAt(
      site,
      messages.artefactMissing({
        what: "The file",
        path: entry,
        resolved: entry,
        suggestion: "",
        way: "Correct the path.",
      }),
    );
  if (isMerlonFile(entry)) return undefined;
  return diagnosticAt(
    site,
    messages.graphEvaluationFailed({
      file: entry,
      reason: `its name ends with neither ${SUFFIXES.map(s => `\`${s}\``).join(" nor ")}`,
    }),
  );
}

/** A type error at an operator where the graph has a fault says the same thing with less to go by; but one with words of its own says more. */
function preferGraph(findings: readonly Finding[], { sites }: ProgramSources): Finding[] {
  const isEcho = ({ code }: Finding) => /^graph\/not-/.test(code);
  const graph = findings.filter(f => !f.code.startsWith("type/") && f.severity === "error");
  const special = findings.filter(f => f.code.startsWith("type/") && !isGeneral(f));
  const overlaps = (a: Finding["site"], b: Finding["site"]) => a.file === b.file && a.start < b.end && b.start < a.end;
  /** The innermost operator around a place. */
  const operatorAt = ({ file, start, end }: Finding["site"]): Finding["site"] => {
    const around = sites.filter(s => s.file === file && s.whole.start <= start && end <= s.whole.end);
    const [inner] = around.sort((a, b) => a.whole.end - a.whole.start - (b.whole.end - b.whole.start));
    return { file, ...(inner?.whole ?? { start, end }) };
  };
  return findings.filter(f =>
    isGeneral(f)
      ? !graph.some(g => overlaps(operatorAt(f.site), g.site))
      : !(isEcho(f) && special.some(s => overlaps(s.site, f.site))) &&
        !(
          f.code === "type/unknown-name" &&
          graph.some(g => g.code === "lambda/unknown-name" && overlaps(g.site, f.site))
        ),
  );
}
