/**
 * Puts models into a repository together, and leaves its other entries alone. While their folders are exchanged, a journal in the repository
 * names them. Servers wait for its end. A build that finds the journal of a dead one first completes that exchange.
 */
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { isModelName } from "../../contract/files/model-name.js";
import {
  describeHolder,
  type Holder,
  holderIsGone,
  holderSchema,
  type LockOptions,
  pauseMs,
  withLock,
} from "./folder-lock.js";
import { exchange, isStagingOf, moveToFree, syncFolder, syncTree } from "./replace-folder.js";

const JOURNAL = ".merlon-exchange.json";

const name = z.string().refine((text): boolean => isModelName(text));
const exchangeSchema = z.object({
  holder: holderSchema,
  /** The folder beside the repository that has the new models. */
  staging: z.string(),
  /** Inodes of the new models' folders, by name. */
  put: z.record(name, z.string()),
  remove: z.array(name),
});
type Exchange = Readonly<z.output<typeof exchangeSchema>>;

export interface Models {
  /** Names of folders of the staging folder. */
  readonly put: readonly string[];
  readonly remove: readonly string[];
}

/**
 * Runs `work` while no other build changes the repository, and after an exchange of a dead one is finished.
 * @param repository absolute; its parent exists
 */
export const withRepository = <T>(repository: string, holder: Holder, work: () => T, options?: LockOptions): T =>
  withLock(
    repository,
    holder,
    () => {
      finishExchange(repository);
      return work();
    },
    options,
  );

/**
 * The old models are in the staging folder afterwards. After an error the repository is as it was.
 * @param repository whose lock is held
 */
export function exchangeModels(repository: string, staging: string, { put, remove }: Models, holder: Holder): void {
  syncTree(staging);
  if (remove.length === 0 && moveToFree(staging, repository)) {
    syncFolder(dirname(repository));
    return;
  }
  const models: Exchange = {
    holder,
    staging: basename(staging),
    put: Object.fromEntries(put.map(model => [model, inodeOf(join(staging, model))!])),
    remove: [...remove],
  };
  const [written, journal] = [join(staging, JOURNAL), join(repository, JOURNAL)];
  writeFileSync(written, `${JSON.stringify(models)}\n`);
  syncFolder(written);
  mkdirSync(repository, { recursive: true });
  renameSync(written, journal);
  syncFolder(repository);
  try {
    moveAll(repository, models);
  } catch (error) {
    for (const folder of foldersOf(repository, models)) moveBack(folder);
    rmSync(journal);
    throw new Error(`${repository} can't be changed, and is as before: ${(error as Error).message}`, { cause: error });
  }
  syncFolder(repository);
  rmSync(journal, { force: true });
}

/** @returns who exchanges models of a repository, or ended in the middle of it */
export function unfinishedExchange(repository: string): { readonly by: string; readonly isGone: boolean } | undefined {
  const file = join(repository, JOURNAL);
  const made = lstatSync(file, { throwIfNoEntry: false });
  if (!made) return undefined;
  const models = readJournal(file);
  if (!models) return undefined;
  return { by: describeHolder(models.holder), isGone: holderIsGone(models.holder, Date.now() - made.mtimeMs) };
}

function finishExchange(repository: string): void {
  const file = join(repository, JOURNAL);
  const models = readJournal(file);
  if (!models) return;
  const staging = join(dirname(repository), models.staging);
  // A copy of a repository may have a journal, and no staging folder.
  if (isStagingOf(repository, models.staging) && existsSync(staging)) {
    endMover(staging);
    moveAll(repository, models);
  }
  syncFolder(repository);
  rmSync(file, { force: true });
}

function readJournal(file: string): Exchange | undefined {
  try {
    return exchangeSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

interface Folder {
  /** The new model; the old one once they are exchanged. Not there for a model that is removed. */
  readonly staged: string;
  readonly final: string;
  /** For the old model where folders cannot be exchanged, and for one that is removed. */
  readonly old: string;
  /** The inode of the new model; undefined for one that is removed. */
  readonly inode: string | undefined;
}

const foldersOf = (repository: string, { staging, put, remove }: Exchange): Folder[] => {
  const beside = join(dirname(repository), staging);
  const folder = (model: string, inode?: string): Folder => ({
    staged: join(beside, model),
    final: join(repository, model),
    old: join(beside, `.old-${model}`),
    inode,
  });
  return [...Object.entries(put).map(([model, inode]) => folder(model, inode)), ...remove.map(model => folder(model))];
};

const inodeOf = (path: string): string | undefined =>
  lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino.toString();

const isMoved = ({ final, inode }: Folder): boolean => inodeOf(final) === inode;

/** Claims the moves for one process. */
const MOVER = ".mover";

/** One program for all moves: a killed process does not end it, and it removes the journal. */
const MOVES = `set -C; { echo $$ > "$1"; } 2> /dev/null || exit 1
journal=$2; shift 2
while [ $# -gt 0 ]; do
  if [ -e "$2" ] || [ -L "$2" ]; then mv --exchange --no-copy -T -- "$1" "$2"; else mv --no-copy -T -- "$1" "$2"; fi || exit 1
  shift 2
done
rm -f -- "$journal"`;

/** Out of reach of the terminal's signals; the types of Node do not have the option. */
const DETACHED = { stdio: "ignore", detached: true } as const;

/** Moves the folders that have not been moved yet. */
function moveAll(repository: string, models: Exchange): void {
  const left = foldersOf(repository, models).filter(folder => !isMoved(folder));
  const pairs = left.flatMap(({ staged, final, old, inode }) => (inode === undefined ? [final, old] : [staged, final]));
  const mover = join(dirname(repository), models.staging, MOVER);
  const given = ["-c", MOVES, "sh", mover, join(repository, JOURNAL), ...pairs];
  spawnSync("sh", given, DETACHED);
  // If this `mv` cannot exchange folders.
  for (const folder of left) if (!isMoved(folder)) move(folder);
}

/** The program of a process that ended may still move folders. */
function endMover(staging: string): void {
  const mover = join(staging, MOVER);
  const isAlive = (): boolean => {
    try {
      // Empty for a moment, while it is written.
      const pid = Number(readFileSync(mover, "utf8"));
      return pid === 0 || process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  try {
    writeFileSync(mover, `${process.pid}`, { flag: "wx" });
  } catch {
    for (let left = 400; left > 0 && isAlive(); left--) pauseMs(25);
  }
  rmSync(mover, { force: true });
}

function move({ staged, final, old, inode }: Folder): void {
  if (existsSync(final)) renameSync(final, old);
  if (inode !== undefined) renameSync(staged, final);
}

function moveBack({ staged, final, old, inode }: Folder): void {
  if (inode !== undefined && inodeOf(final) === inode) {
    if (existsSync(staged) && exchange(staged, final)) return;
    if (existsSync(staged)) renameSync(staged, old);
    renameSync(final, staged);
  }
  if (existsSync(old)) renameSync(old, final);
}
