/**
 * The pipeline: file → rewrite → check → graph → plan. Mistakes of the author are collected and returned, never thrown.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { withoutInputs } from "../triton-protos/cut-plan.js";
import type { Plan } from "../triton-protos/plan.js";
import { isMerlonFile, SUFFIXES } from "./1-rewrite/rewrite.js";
import { check } from "./2-check/check.js";
import { loadSources, type ProgramSources, transpile } from "./2-check/sources.js";
import { artefactReader } from "./3-graph/artefacts.js";
import type { GraphDocument } from "./3-graph/document.js";
import { evaluate } from "./3-graph/evaluate.js";
import { type InferredGraph, type InferredStep, infer } from "./3-graph/infer.js";
import { lower } from "./4-plan/lower.js";
import { type Optimised, optimise, type PassName, type PassReport } from "./4-plan/passes.js";
import { optimiseSubgraphs } from "./4-plan/subgraphs.js";
import { readSettings, settingsProblems } from "./5-emit/settings/read-settings.js";
import { servingProblems } from "./5-emit/settings/serving-problems.js";
import { type Diagnostic, diagnosticAt, didYouMean, type Finding, locate } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import { faultSite, foreignFrame, literal, siteRange } from "./place-faults.js";
import { addEnvironment } from "./typegen/program-entries.js";

export interface CompileOptions {
  /** Passes to leave out. */
  readonly off?: ReadonlySet<PassName>;
  readonly timeoutSeconds?: number;
}

export interface Compiled {
  readonly ok: true;
  readonly plan: Plan;
  /** What each pass did to the plan. */
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
  const sources = loadSources(entry);
  const read = (path: string) => sources.texts.get(path) ?? "";
  const artefacts = artefactReader(dirname(entry));
  const files = () => [...sources.texts.keys(), ...artefacts.used];
  const findings: Finding[] = [...sources.findings];
  if (findings.length) return { ok: false, diagnostics: locate(findings, read), files: files() };
  findings.push(...addEnvironment(sources, artefacts), ...check(sources));

  const transpiled = transpile(sources);
  const evaluated = await evaluate({
    entry: pathToFileURL(sources.entry).href,
    modules: transpiled.modules,
    ...(options.timeoutSeconds && { timeoutSeconds: options.timeoutSeconds }),
  });
  const whole = { file: sources.entry, start: 0, end: 1 };
  if (evaluated.kind === "timeout")
    findings.push(diagnosticAt(whole, messages.graphTimeout({ file: entry, seconds: evaluated.seconds })));
  else {
    findings.push(
      ...evaluated.faults.map(fault => diagnosticAt(siteRange(sources, fault.site, fault.side), fault.message)),
    );
    if (evaluated.kind === "threw" && findings.length === 0)
      findings.push(
        diagnosticAt(
          foreignFrame(sources, transpiled, evaluated.stack) ?? whole,
          messages.graphEvaluationFailed({ file: entry, reason: evaluated.reason }),
        ),
      );
    if (evaluated.kind === "no-program") findings.push(noProgram(sources, evaluated.seen));
  }
  if (evaluated.kind !== "graph") return { ok: false, diagnostics: locate(findings, read), files: files() };

  const { graph } = evaluated;
  const variable = (site: number | undefined) => (site === undefined ? undefined : sources.sites[site]?.variable);
  const { lambdas } = sources;
  const inferred = infer(graph, { artefacts, variable, lambdas });
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
  const named = literal(read(sources.entry), { start: 0, end: Number.MAX_SAFE_INTEGER }, graph.name);
  const programSite = named ? { file: sources.entry, ...named } : whole;
  findings.push(...programFaults(graph, inferred, programSite));
  const diagnostics = locate(preferGraph(findings, sources), read);
  if (diagnostics.some(d => d.severity === "error")) return { ok: false, diagnostics, files: files() };
  const planWith = (states: ReadonlyMap<string, unknown>): Optimised => {
    const known = infer(graph, { artefacts, variable, lambdas, states });
    // What was learnt may take columns away that the program names.
    if (known.faults[0]) throw new Error(`after fitting, ${known.faults[0].message.message}`);
    const lowered = lower(graph, known, states);
    const removed = graph.options.removeInputs as readonly string[] | undefined;
    return optimiseSubgraphs(removed ? withoutInputs(lowered, removed) : lowered, plan => optimise(plan, options.off));
  };
  const { plan, reports: passes } = planWith(new Map());
  const unservable = graph.kind === "ensemble" ? servingProblems(plan, readSettings(graph.options)) : [];
  if (unservable.length) {
    const faults = unservable.map(problem => programFault(graph, problem, programSite));
    return { ok: false, diagnostics: locate([...findings, ...faults], read), files: files() };
  }
  const withState: Compiled["withState"] = states => planWith(statesOfTwins(states, passes)).plan;
  return {
    ok: true,
    plan,
    passes,
    graph,
    inferred,
    steps: inferred.steps,
    diagnostics,
    files: files(),
    withState,
  };
}

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

function noProgram(sources: ProgramSources, seen: string): Finding {
  const ensemble = sources.entry.endsWith(".ensemble.ts");
  return diagnosticAt(
    { file: sources.entry, start: 0, end: 1 },
    messages.graphExportMissing({
      file: sources.entry,
      expected: `${ensemble ? "an ensemble" : "a workflow"} (it is ${seen})`,
      example: ensemble ? 'ensemble("recommend", ordering)' : 'workflow("ranking", features)',
    }),
  );
}

function programFaults(graph: GraphDocument, inferred: InferredGraph, site: Finding["site"]): Finding[] {
  const problems: string[] = [];
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(graph.name))
    problems.push(
      `the name ${JSON.stringify(graph.name)} must be letters, digits, \`_\`, \`-\` and \`.\`: it becomes a folder and a Triton model`,
    );
  if (inferred.output && inferred.output.length === 0) problems.push("the output node has no columns");
  if (graph.kind === "ensemble") problems.push(...settingsProblems(graph.options));
  const inputs = inferred.inputs.map(c => c.name);
  const { removeInputs } = graph.options;
  for (const name of Array.isArray(removeInputs) ? (removeInputs as readonly string[]) : [])
    if (!inputs.includes(name))
      problems.push(
        `\`removeInputs\` names \`${name}\`, which no \`source\` declares.${didYouMean(name, inputs)}`.replace(
          /\.$/,
          "",
        ),
      );
  const [first, ...others] = graph.kind === "workflow" ? (inferred.output ?? []) : [];
  const other = others.find(b => b.column.rows !== first!.column.rows);
  if (other)
    problems.push(
      `\`${first!.column.name}\` and \`${other.column.name}\` have different rows, because a \`filter\` stands before one of them; put it before both`,
    );
  return problems.map(problem => programFault(graph, problem, site));
}

const programFault = ({ kind }: GraphDocument, problem: string, site: Finding["site"]): Finding =>
  diagnosticAt(
    site,
    messages.graphParameter({
      operator: kind,
      problem: /[.?]$/.test(problem) ? problem : `${problem}.`,
      way: `Change the arguments of \`${kind}(...)\`.`,
    }),
  );

/** A type error at an operator where the graph has a fault says the same thing with less to go by. */
function preferGraph(findings: readonly Finding[], { sites }: ProgramSources): Finding[] {
  const graph = findings.filter(f => !f.code.startsWith("type/") && f.severity === "error");
  const overlaps = (a: Finding["site"], b: Finding["site"]) => a.file === b.file && a.start < b.end && b.start < a.end;
  /** The innermost operator around a place. */
  const operatorAt = ({ file, start, end }: Finding["site"]): Finding["site"] => {
    const around = sites.filter(s => s.file === file && s.whole.start <= start && end <= s.whole.end);
    const [inner] = around.sort((a, b) => a.whole.end - a.whole.start - (b.whole.end - b.whole.start));
    return { file, ...(inner?.whole ?? { start, end }) };
  };
  return findings.filter(f => !f.code.startsWith("type/") || !graph.some(g => overlaps(operatorAt(f.site), g.site)));
}
