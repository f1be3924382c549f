/**
 * A program → the entries that its artefacts have now, and those of its environment file that are not so.
 */
import { readFileSync } from "node:fs";
import type { ProgramSources } from "../2-check/sources.js";
import type { ArtefactReader } from "../3-graph/artefacts.js";
import { diagnosticAt, type Finding } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import { describeArtefact } from "./describe-artefact.js";
import { type Entries, findEnvironment, printEnvironment, readEnvironment, sameEntry } from "./environment.js";
import { type NamedArtefact, namedArtefacts } from "./named-artefacts.js";

/** Entries of the readable artefacts of the program. */
export function programEntries(named: readonly NamedArtefact[], artefacts: ArtefactReader): Entries {
  const entries = new Map<string, string>();
  for (const { kind, path } of named) {
    const type = entries.has(path) ? undefined : describeArtefact(kind, path, artefacts);
    if (type !== undefined) entries.set(path, type);
  }
  return entries;
}

/**
 * Gives the checker the artefacts as they are, whatever the environment file says, and warns where the file says something else. The editor
 * reads the file.
 */
export function addEnvironment(sources: ProgramSources, artefacts: ArtefactReader): Finding[] {
  const named = namedArtefacts(sources.texts);
  const entries = programEntries(named, artefacts);
  const file = findEnvironment(sources.entry);
  const path = file ?? `${sources.entry}.merlon-env.d.ts`;
  if (entries.size) sources.project.write(path, printEnvironment(entries));
  return file ? stale(named, entries, file) : [];
}

function stale(named: readonly NamedArtefact[], entries: Entries, file: string): Finding[] {
  const written = readEnvironment(readFileSync(file, "utf8"));
  const first = named.filter((n, i) => named.findIndex(other => other.path === n.path) === i);
  return first
    .filter(({ path }) => entries.has(path) && !sameEntry(written.get(path), entries.get(path)))
    .map(({ path, site }) =>
      diagnosticAt(
        site,
        messages.artefactTypesStale({
          file: "merlon-env.d.ts",
          path,
          what: written.has(path) ? "another form" : "no entry",
        }),
        [],
        "warning",
      ),
    );
}
