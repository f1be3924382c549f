/**
 * The phase before anything of the program runs: its path, its types, and the JavaScript that it becomes.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, parse } from "node:path";
import { isMerlonFile, otherForms, SUFFIXES } from "./1-rewrite/file-form.js";
import { check } from "./2-check/check.js";
import { type ProgramSources, type Transpiled, transpile } from "./2-check/sources.js";
import type { ArtefactReader } from "./3-graph/artefacts.js";
import { diagnosticAt, type Finding, listNames, nearNames } from "./diagnostics/diagnostic.js";
import { Suggestion } from "./diagnostics/fixes.js";
import * as messages from "./diagnostics/messages.js";
import type { Phase } from "./phase.js";
import { addEnvironment } from "./typegen/program-entries.js";

/** Why a path is not one of a program, as far as its name and the file system say. */
export function pathFault(entry: string): Finding | undefined {
  const site = { file: entry, start: 0, end: 1 };
  if (!existsSync(entry))
    return diagnosticAt(
      site,
      messages.artefactMissing({
        what: "The file",
        path: entry,
        resolved: entry,
        suggestion: nearPrograms(entry),
        way: "Correct the path.",
      }),
    );
  const isFolder = statSync(entry).isDirectory();
  if (isFolder || !isMerlonFile(entry)) {
    const { dir, name } = parse(entry);
    const programs = isFolder ? programsIn(entry) : [];
    return diagnosticAt(
      site,
      messages.artefactUnreadable({
        what: "The program",
        path: entry,
        reason: isFolder
          ? "it is a folder"
          : `its name ends with neither ${SUFFIXES.map(s => `\`${s}\``).join(" nor ")}`,
        way: isFolder
          ? `Name its programs: ${programs.length > 0 ? listNames(programs) : "`*.ensemble.ts` and `*.workflow.ts`"}.`
          : `Name the file of a program, or rename this one: \`${join(dir, name)}.ensemble.ts\` or \`${join(dir, name)}.workflow.ts\`.`,
      }),
    );
  }
  const other = otherForms(entry).find(existsSync);
  return other === undefined
    ? undefined
    : diagnosticAt(site, messages.graphTwoForms({ file: basename(entry), other: basename(other) }));
}

/** Paths of the programs in a folder. */
const programsIn = (folder: string): string[] =>
  existsSync(folder) && statSync(folder).isDirectory()
    ? readdirSync(folder)
        .filter(isMerlonFile)
        .sort()
        .map(name => join(folder, name))
    : [];

/** Programs beside a missing one whose names look like its. */
const nearPrograms = (entry: string): Suggestion =>
  new Suggestion(
    entry,
    nearNames(
      basename(entry),
      programsIn(dirname(entry)).map(path => basename(path)),
    ).map(name => join(dirname(entry), name)),
  );

/**
 * Checks the program's types, and closes its project: `sources.project` must not be used any more.
 * @returns the JavaScript; undefined for a program that could not be rewritten
 */
export function checkProgram(sources: ProgramSources, artefacts: ArtefactReader): Phase<Transpiled | undefined> {
  if (sources.findings.length > 0) {
    sources.project.close();
    return { value: undefined, findings: sources.findings };
  }
  const findings = [...addEnvironment(sources, artefacts), ...check(sources)];
  const transpiled = transpile(sources);
  sources.project.close();
  return { value: transpiled, findings };
}
