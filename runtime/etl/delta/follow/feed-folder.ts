/**
 * The files of a watched folder. New files are in the folder itself, and the file that is being applied in `DIR/taking`. Applied files are in
 * `DIR/done`, refused ones in `DIR/refused`, each with its reason. Files move by renames, so each is in one place at any moment.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../../../base/errors.js";
import { syncFolder } from "../../../stores/vectors/delta/write-delta.js";

export const PLACES = { taking: "taking", done: "done", refused: "refused" } as const;

export interface FeedFile {
  readonly name: string;
  readonly path: string;
  readonly isTaken: boolean;
}

export interface FeedFolder {
  /** Files to apply: one that a process took before it ended, then new ones by name. */
  list(): readonly FeedFile[];
  /** @returns name, size and time of a regular file; undefined for another, or none */
  identity(file: FeedFile): string | undefined;
  /** Moves a file out of the reach of its writers. @returns undefined if it is another by now, or has to wait for one of its name; it stays */
  take(file: FeedFile, identity: string): FeedFile | undefined;
  /** Moves an applied file away, and puts that on disk. */
  finish(file: FeedFile): void;
  refuse(file: FeedFile, reason: string): string;
}

/** @param removes applied files are deleted instead of kept @throws RuntimeFault for a folder that cannot be followed */
export function openFeedFolder(folder: string, removes: boolean): FeedFolder {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw invalid(`${folder} is not a folder. Make it, and move files into it.`);
  if (/[*?[\]]/.test(folder)) throw invalid(`${folder} has one of * ? [ ] in its name, which are globs. Rename it.`);
  const placeOf = (name: string): string => {
    const place = join(folder, name);
    mkdirSync(place, { recursive: true });
    if (lstatSync(place).isDirectory()) return place;
    throw invalid(`${place} is not a folder. Move it away.`);
  };
  const [taking, refused] = [placeOf(PLACES.taking), placeOf(PLACES.refused)];
  const done = removes ? undefined : placeOf(PLACES.done);
  const identity = ({ path, name }: FeedFile): string | undefined => {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stat?.isFile() ? `${name} ${stat.size} ${stat.mtimeNs}` : undefined;
  };
  return {
    identity,
    list: () => [...filesIn(taking, true), ...filesIn(folder, false)],
    take: (file, expected) => {
      if (file.isTaken) return file;
      const taken = { ...file, path: join(taking, file.name), isTaken: true };
      // One of its name was taken before, and is not applied yet: a rename would replace it.
      if (existsSync(taken.path)) return undefined;
      renameSync(file.path, taken.path);
      if (identity(taken) === expected) return taken;
      if (existsSync(file.path)) rmSync(taken.path);
      else renameSync(taken.path, file.path);
      return undefined;
    },
    finish: ({ path, name }) => {
      if (done === undefined) rmSync(path, { force: true });
      else renameSync(path, freeName(done, name));
      // The next commit replaces this file's position, so the file must not reappear after a power failure.
      syncFolder(taking);
      syncFolder(folder);
    },
    refuse: ({ path, name }, reason) => {
      const to = freeName(refused, name);
      renameSync(path, to);
      writeFileSync(`${to}.reason`, `${reason}\n`);
      return to;
    },
  };
}

function filesIn(folder: string, isTaken: boolean): FeedFile[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isFile() && !/^[._]/.test(entry.name))
    .map(({ name }) => ({ name, path: join(folder, name), isTaken }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A name that a file of the same name has not taken. */
function freeName(folder: string, name: string): string {
  for (let n = 1; ; n++) {
    const path = join(folder, n === 1 ? name : `${n}.${name}`);
    if (!existsSync(path)) return path;
  }
}
