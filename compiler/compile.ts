/**
 * The pipeline: file → rewrite → check → graph → plan. Mistakes of the author are collected and returned, never thrown.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isStackOverflow, MAX_NESTING, nestingFaults } from "./1-rewrite/nesting.js";
import { importedTexts } from "./2-check/imported-texts.js";
import { loadSources, type ProgramSources } from "./2-check/sources.js";
import { artefactReader } from "./3-graph/artefacts.js";
import type { GraphDocument } from "./3-graph/document.js";
import { startEvaluator } from "./3-graph/evaluate.js";
import type { InferredGraph, InferredStep } from "./3-graph/infer.js";
import type { PassName } from "./4-plan/passes.js";
import { checkProgram, pathFault } from "./check-program.js";
import { type Diagnostic, type DiagnosticSite, type Finding, locate, type Message } from "./diagnostics/diagnostic.js";
import { withoutEchoes } from "./echoes.js";
import { editedWorkflows } from "./edited-workflows.js";
import { evaluateProgram } from "./evaluate-program.js";
import { inferProgram } from "./infer-program.js";
import { nullsForModels } from "./nulls-for-models.js";
import { type Planned, planProgram } from "./plan-program.js";
import { preferGraph } from "./prefer-graph.js";
import { stepSite } from "./program-faults.js";

export interface CompileOptions {
  /** Passes to leave out. */
  readonly off?: ReadonlySet<PassName>;
  readonly timeoutSeconds?: number;
}

export interface Compiled extends Planned {
  readonly ok: true;
  readonly graph: GraphDocument;
  readonly inferred: InferredGraph;
  readonly steps: readonly InferredStep[];
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
  /** The files on which the result depends: the program's, and the artefacts it names, including missing ones. */
  readonly files: readonly string[];
  /** The program's files alone. */
  readonly texts: readonly string[];
  /** The author's operator that a step was made of; what the file exports for no step of it. */
  siteOf(step: string | undefined): DiagnosticSite;
  /** Messages about artefacts that were written since the program was compiled: its plan is outdated. */
  changed(): readonly Message[];
}

export interface NotCompiled {
  readonly ok: false;
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly string[];
}

/**
 * Compiles one program: `*.ensemble.ts`, `*.workflow.ts` or `*.merlon`.
 * @param file path, absolute or relative to the working directory
 */
export async function compile(file: string, options: CompileOptions = {}): Promise<Compiled | NotCompiled> {
  const entry = resolve(file);
  const unreadable = pathFault(entry);
  if (unreadable) return { ok: false, diagnostics: locate([unreadable], () => ""), files: [entry] };
  let texts: ReadonlyMap<string, string> = new Map([[entry, readFileSync(entry, "utf8")]]);
  try {
    const tooDeep = nestingFaults(texts, MAX_NESTING);
    if (tooDeep.length > 0) return nested(tooDeep, texts);
    startEvaluator();
    const sources = loadSources(entry);
    texts = sources.texts;
    return await compileSources(sources, options);
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    // The stack may have been full before all files were read.
    const all = new Map([...importedTexts(entry), ...texts]);
    return nested(nestingFaults(all, 0).slice(0, 1), all);
  }
}

const nested = (findings: readonly Finding[], texts: ReadonlyMap<string, string>): NotCompiled => ({
  ok: false,
  diagnostics: locate(findings, path => texts.get(path) ?? ""),
  files: [...texts.keys()],
});

async function compileSources(sources: ProgramSources, options: CompileOptions): Promise<Compiled | NotCompiled> {
  const { entry } = sources;
  const artefacts = artefactReader(dirname(entry));
  const diagnose = (findings: readonly Finding[]) => locate(findings, path => sources.texts.get(path) ?? "");
  const shown = (findings: readonly Finding[]) => withoutEchoes(sources, preferGraph(findings, sources.sites));
  // Each phase may read further artefacts.
  const files = () => [...sources.texts.keys(), ...artefacts.used];
  const refuse = (diagnostics: readonly Diagnostic[]): NotCompiled => ({ ok: false, diagnostics, files: files() });

  const checked = checkProgram(sources, artefacts);
  if (!checked.value) return refuse(diagnose(checked.findings));

  const evaluated = await evaluateProgram(sources, checked.value, {
    timeoutSeconds: options.timeoutSeconds,
    isFaulty: checked.findings.length > 0,
  });
  const before = [...checked.findings, ...evaluated.findings];
  if (!evaluated.value) return refuse(diagnose(shown(before)));

  const program = { sources, artefacts, graph: evaluated.value };
  const { value, findings } = inferProgram(program, options.off);
  const known = [...before, ...findings];
  const diagnostics = diagnose(shown(known));
  if (diagnostics.some(d => d.severity === "error")) return refuse(diagnostics);

  const planned = planProgram(program, value.fused, options.off);
  if (planned.findings.length > 0) return refuse(diagnose([...known, ...planned.findings]));

  const { inferred } = value;
  const edited = await editedWorkflows(program, inferred.steps, async file => {
    const compiled = await compile(file);
    return compiled.ok ? compiled.plan : undefined;
  });
  const later = [...edited, ...nullsForModels(program, inferred, planned.value.plan)];
  return {
    ok: true,
    ...planned.value,
    graph: program.graph,
    inferred,
    steps: inferred.steps,
    diagnostics: later.length > 0 ? diagnose(shown([...known, ...later])) : diagnostics,
    files: files(),
    texts: [...sources.texts.keys()],
    siteOf: step => stepSite(sources, inferred, step),
    changed: artefacts.changed,
  };
}
