/**
 * The state that a fit has learned so far, in a folder beside its output, so that a killed fit resumes. It is valid for one program and one
 * state of the data files; any other fit starts anew.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Json } from "@duckdb/node-api";
import { siblingOf } from "../../contract/files/sibling.js";
import { type Plan, printPlan } from "../../contract/plan.js";

export interface FitJournal {
  /** Pieces of work that an earlier run had done. */
  readonly resumed: number;
  /**
   * Does a piece of work, or reads its value and its files from the journal if it was done.
   * @param unit name of the piece, the same in every run
   * @param files what the work writes, relative to the fitted folder
   */
  remember<T extends Json>(unit: string, files: readonly string[], work: () => Promise<T>): Promise<T>;
  /** The fit is done, or cannot be done. */
  forget(): void;
}

/** A journal that keeps nothing. */
export const NO_JOURNAL: FitJournal = { resumed: 0, remember: (_unit, _files, work) => work(), forget() {} };

/** `etl/ranking` -> `etl/.merlon-fit-ranking` */
export const journalOf = (out: string): string => join(dirname(resolve(out)), `.merlon-fit-${basename(resolve(out))}`);

/** After a finished fit there is nothing to resume. */
export const removeJournal = (out: string): void => removeEntries(journalOf(out));

/**
 * @param at the journal's folder
 * @param folder the fitted folder to be; on the same file system
 */
export function openJournal(at: string, folder: string, plan: Plan, files: readonly string[]): FitJournal {
  const state = files.map(file => {
    const { size, mtimeMs } = statSync(file);
    return [resolve(file), size, mtimeMs];
  });
  const key = hash(JSON.stringify(["merlon/fit", 2, printPlan(plan), state]));
  const keyFile = join(at, "key");
  if (read(keyFile) !== key) {
    removeEntries(at);
    mkdirSync(at, { recursive: true });
    writeFileSync(keyFile, key);
  }
  const journal = {
    resumed: 0,
    async remember<T extends Json>(unit: string, made: readonly string[], work: () => Promise<T>): Promise<T> {
      const entry = join(at, `${hash(unit)}.json`);
      const known = read(entry);
      if (known !== undefined && bring(at, folder, made)) {
        journal.resumed++;
        return (JSON.parse(known) as { value: T }).value;
      }
      const value = await work();
      keep(at, folder, made, entry, JSON.stringify({ unit, value }));
      return value;
    },
    forget: () => removeEntries(at),
  };
  return journal;
}

/** Removes a journal's own entries, and its folder where nothing else is in it. */
function removeEntries(at: string): void {
  if (!lstatSync(at, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const entry of readdirSync(at)) if (ENTRY.test(entry)) rmSync(join(at, entry), { force: true });
  if (readdirSync(at).length === 0) rmdirSync(at);
}
/** The key, entries, entries that were not finished, and the files that they keep. */
const ENTRY = /^(key|[0-9a-f]{64}\.json(\.\d+)?|[0-9a-f]{32})$/;

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
const keptName = (file: string): string => hash(file).slice(0, 32);

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function bring(at: string, folder: string, files: readonly string[]): boolean {
  try {
    for (const file of files) linkSync(join(at, keptName(file)), join(folder, file));
    return true;
  } catch {
    return false;
  }
}

/** The files first, then the entry that says they are there. A journal that cannot be written only costs the next run time. */
function keep(at: string, folder: string, files: readonly string[], entry: string, text: string): void {
  try {
    for (const file of files) {
      const handle = openSync(join(folder, file), "r");
      fsyncSync(handle);
      closeSync(handle);
      rmSync(join(at, keptName(file)), { force: true });
      linkSync(join(folder, file), join(at, keptName(file)));
    }
    const staged = siblingOf(entry);
    writeFileSync(staged, text, { flag: "wx" });
    renameSync(staged, entry);
  } catch {}
}
