/**
 * The phase in which the program's file runs: JavaScript → graph.
 */
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ProgramSources, Transpiled } from "./2-check/sources.js";
import type { GraphDocument } from "./3-graph/document.js";
import { evaluate } from "./3-graph/evaluate.js";
import { programModule } from "./3-graph/program-modules.js";
import { diagnosticAt, type Finding, type Message } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import type { Phase } from "./phase.js";
import { foreignFrame, siteRange } from "./place-faults.js";
import { exportFaults } from "./program-faults.js";

export interface EvaluateProgramOptions {
  readonly timeoutSeconds: number | undefined;
  /** Something was found before, which may be why the file throws. */
  readonly isFaulty: boolean;
}

/** @returns the graph; undefined if the file did not finish, or exports no program */
export async function evaluateProgram(
  sources: ProgramSources,
  transpiled: Transpiled,
  { timeoutSeconds, isFaulty }: EvaluateProgramOptions,
): Promise<Phase<GraphDocument | undefined>> {
  const evaluated = await evaluate({
    entry: pathToFileURL(sources.entry).href,
    modules: transpiled.modules,
    ...(timeoutSeconds && { timeoutSeconds }),
  });
  const file = basename(sources.entry);
  /** A finding at the author's line that was running. */
  const atFrame = (stack: string, message: Message, call = ""): Finding => {
    const line = foreignFrame(sources, transpiled, stack) ?? { file: sources.entry, start: 0, end: 1 };
    const start = sources.texts.get(line.file)?.slice(0, line.end).indexOf(call, line.start) ?? -1;
    return diagnosticAt(call && start >= 0 ? { ...line, start, end: start + call.length } : line, message);
  };
  if (evaluated.kind === "timeout") {
    const { stack, seconds } = evaluated;
    return { value: undefined, findings: [atFrame(stack, messages.graphTimeout({ file, seconds }))] };
  }
  const faults = evaluated.faults.map(({ site, side, message }) =>
    diagnosticAt(siteRange(sources, site, side), message),
  );
  if (evaluated.kind === "threw") {
    const { stack, machine } = evaluated;
    const reason = withCycle(evaluated.reason, pathToFileURL(sources.entry).href, transpiled.modules);
    const isNews = !isFaulty && faults.length === 0;
    const message = machine
      ? messages.graphMachine({ value: machine })
      : messages.graphEvaluationFailed({ file, reason });
    return { value: undefined, findings: isNews ? [atFrame(stack, message, machine)] : faults };
  }
  return {
    value: evaluated.kind === "graph" ? evaluated.graph : undefined,
    findings: [...faults, ...exportFaults(sources, evaluated)],
  };
}

/** A circular import is why a constant of another file is read before its line has run. */
function withCycle(reason: string, entry: string, modules: Transpiled["modules"]): string {
  const [, name] = /^Cannot access '(.+)' before initialization$/.exec(reason) ?? [];
  const cycle = name === undefined ? undefined : importCycle(entry, modules);
  if (!cycle) return reason;
  return `${reason}: ${cycle.join(" → ")} is a circular import. Move '${name}' into a file that imports none of them.`;
}

/** TypeScript prints an import in one line. */
const IMPORTS = /^[ \t]*(?:import|export)\b[^"';\n]*["']([^"'\n]+)["']/gm;

/**
 * @param entry file: URL
 * @param modules JavaScript by file: URL
 * @returns names of files, the first one again at the end; undefined if no import is circular
 */
function importCycle(entry: string, modules: ReadonlyMap<string, string>): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (url: string): readonly string[] | undefined => {
    const start = path.indexOf(url);
    if (start >= 0) return [...path.slice(start), url].map(one => basename(fileURLToPath(one)));
    if (done.has(url)) return undefined;
    done.add(url);
    path.push(url);
    for (const [, specifier] of modules.get(url)?.matchAll(IMPORTS) ?? []) {
      const next = programModule(modules, specifier!, url);
      const found = next === undefined ? undefined : visit(next);
      if (found) return found;
    }
    path.pop();
    return undefined;
  };
  return visit(entry);
}
