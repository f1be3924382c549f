/**
 * Programs → their `merlon-env.d.ts`, written whole and only when it changes.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { readNamed } from "../../contract/files/file-fault.js";
import { replaceFile } from "../../contract/files/replace-file.js";
import { loadSources } from "../2-check/sources.js";
import { artefactReader } from "../3-graph/artefacts.js";
import type { Message } from "../diagnostics/diagnostic.js";
import { type Entries, findEnvironment, printEnvironment, readEnvironment, sameEntry } from "./environment.js";
import { namedArtefacts } from "./named-artefacts.js";
import { programEntries } from "./program-entries.js";

export interface Typegen {
  readonly file: string;
  readonly text: string;
  readonly entries: Entries;
  /** Whether the file on disk says the same already. */
  readonly fresh: boolean;
  /** Paths that mean different things to different programs, with those programs; they have no entry. */
  readonly ambiguous: ReadonlyMap<string, readonly string[]>;
  /** Faults of artefacts without an entry. */
  readonly unreadable: readonly { readonly program: string; readonly message: Message }[];
}

/**
 * The text that `merlon typegen` would write.
 * @param programs files of any form
 */
export function typegen(programs: readonly string[], out: string): Typegen {
  const file = resolve(out);
  const entries = new Map<string, string>();
  const owners = new Map<string, string[]>();
  const unreadable: { program: string; message: Message }[] = [];
  const ambiguous = new Map<string, readonly string[]>();
  for (const program of programs) {
    const { named, made, faults } = entriesOf(program);
    unreadable.push(...faults.map(message => ({ program, message })));
    for (const path of new Set(named)) {
      const type = made.get(path);
      if (type === undefined) continue;
      owners.set(path, [...(owners.get(path) ?? []), relative(dirname(file), resolve(program))]);
      if (entries.has(path) && !sameEntry(entries.get(path), type)) ambiguous.set(path, owners.get(path)!);
      else if (!ambiguous.has(path)) entries.set(path, type);
    }
  }
  for (const path of ambiguous.keys()) entries.delete(path);
  const text = printEnvironment(entries, ambiguous);
  const fresh = existsSync(file) && readNamed("the types", out, path => readFileSync(path, "utf8")) === text;
  return { file, text, entries, fresh, ambiguous, unreadable };
}

/** Writes the file by way of a sibling, so that an editor never reads half of it. */
export function writeEnvironment(file: string, text: string): void {
  replaceFile(file, text);
}

/**
 * Brings the entries of one program up to date in the environment file it has; entries of other programs stay.
 * @returns the file, if it changed
 */
export function refreshEnvironment(program: string): string | undefined {
  const entry = resolve(program);
  const file = existsSync(entry) ? findEnvironment(entry) : undefined;
  if (!file) return undefined;
  const written = readEnvironment(readFileSync(file, "utf8"));
  const { made } = entriesOf(entry);
  if ([...made].every(([path, type]) => sameEntry(written.get(path), type))) return undefined;
  writeEnvironment(file, printEnvironment(new Map([...written, ...made])));
  return file;
}

function entriesOf(program: string) {
  const entry = resolve(program);
  const artefacts = artefactReader(dirname(entry));
  const named = namedArtefacts(loadSources(entry).texts);
  const made = programEntries(named, artefacts);
  const faults = named.flatMap(({ kind, path }) => {
    const read = made.has(path) ? undefined : artefacts[kind](path);
    return read && !read.ok ? [read.message] : [];
  });
  return { named: named.map(n => n.path), made, faults };
}
