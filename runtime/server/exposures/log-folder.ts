/**
 * The files of one model's exposures: `DIR/MODEL/NAME.open` is a log that a process appends to, and `NAME.parquet` a finished file.
 * `NAME.damaged` is a log of which a part could not be read. Names have the form below, and no other file is touched.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type ModelName, modelName } from "../../../contract/files/model-name.js";
import { OWNER_TAG, ownerIsGone, ownerTag } from "../../../contract/files/owner-tag.js";
import type { BlockFile } from "./block-file.js";
import { finishFile } from "./finish-file.js";
import { readBlocks } from "./read-blocks.js";

/** Time in milliseconds, number of the worker, the process, the number of the exposure log in it, and digits that make it unique. */
const NAME = new RegExp(`^\\d{13}-w\\d+-(${OWNER_TAG})-[0-9a-f]{8}\\.(open|parquet|parquet\\.tmp|damaged)$`);
const DAY_MS = 86_400_000;

/** The folder of a model, made if it is missing. @throws Error that names what is in its place */
export function modelFolder(folder: string, model: ModelName): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, model);
  mkdirSync(path, { recursive: true });
  checkFolder(folder, path);
  return path;
}

/** A link to a folder elsewhere is refused: files there are not the server's. */
function checkFolder(folder: string, path: string): void {
  if (!lstatSync(path).isDirectory() || realpathSync(path) !== join(realpathSync(folder), basename(path)))
    throw new Error(`'${path}' is not a folder of its own: remove the link that has its name`);
}

/** The writer of a log: a worker's number, and the number of the exposure log in its process. */
interface LogWriter {
  readonly worker: number;
  readonly instance: number;
}

const instanceDigits = (instance: number): string => (instance & 0xffff).toString(16).padStart(4, "0");

/** The path of a new log, without its ending. */
export function newName(folder: string, { worker, instance }: LogWriter): string {
  const time = String(Date.now()).padStart(13, "0");
  return join(folder, `${time}-w${worker}-${ownerTag()}-${instanceDigits(instance)}${randomBytes(2).toString("hex")}`);
}

/** Paths of the logs of this process that an exposure log left, without their ending. */
export function logsOf(folder: string, { worker, instance }: LogWriter): readonly string[] {
  const own = `-w${worker}-${ownerTag()}-${instanceDigits(instance)}`;
  return namesIn(folder, true).flatMap(model =>
    namesIn(join(folder, model), false)
      .filter(name => NAME.exec(name)?.[2] === "open" && name.slice(13).startsWith(own))
      .map(name => join(folder, model, name.slice(0, -".open".length))),
  );
}

export interface Finished {
  /** Whether there is a new file. */
  readonly isMade: boolean;
  readonly rows: number;
  /** Why it does not have everything that was written. */
  readonly loss?: string;
}

/**
 * A log that is not written any more → its Parquet file. The log is removed, or kept under another name if a part of it is damaged.
 * @throws Error of the file system
 */
export function finishLog(base: string): Finished {
  const log = `${base}.open`;
  const file = openSync(log, constants.O_RDONLY | constants.O_NOFOLLOW);
  let found: BlockFile;
  let isMade = false;
  try {
    found = readBlocks(file);
    const { head, blocks } = found;
    // A log whose file was renamed before its process was killed would be there twice.
    isMade = head !== undefined && blocks.length > 0 && !existsSync(`${base}.parquet`);
    if (isMade) finishFile(file, head!, blocks, `${base}.parquet`);
  } finally {
    closeSync(file);
  }
  const rows = found.blocks.reduce((sum, block) => sum + block.rows, 0);
  const loss = lossOf(found, rows, base);
  if (found.damaged > 0) renameSync(log, `${base}.damaged`);
  else rmSync(log, { force: true });
  return { isMade, rows, ...(loss !== undefined && { loss }) };
}

function lossOf({ head, damaged, torn }: BlockFile, rows: number, base: string): string | undefined {
  const recovered = `${rows} rows were recovered`;
  if (damaged > 0)
    return `the log '${base}.open' has ${damaged} damaged bytes${head ? "" : ", among them its description"}: ${recovered}, and it is kept as '${base}.damaged'`;
  if (torn > 0 || rows === 0) return `the log '${base}.open' ends in a batch that is not whole: ${recovered}`;
  return undefined;
}

/** The effects of `recoverLogs`. */
export interface Recovered {
  /** By path; those logs stay. */
  readonly faults: ReadonlyMap<string, Error>;
  readonly losses: readonly string[];
}

/** Finishes the logs of processes that ended without doing so. */
export function recoverLogs(folder: string): Recovered {
  const faults = new Map<string, Error>();
  const losses: string[] = [];
  for (const model of namesIn(folder, true))
    for (const name of namesIn(join(folder, model), false)) {
      const [, owner, kind] = NAME.exec(name) ?? [];
      if (owner === undefined || !isUnfinished(kind) || !ownerIsGone(owner)) continue;
      const path = join(folder, model, name);
      try {
        checkFolder(folder, join(folder, model));
        if (kind === "open") losses.push(...[finishLog(path.slice(0, -".open".length)).loss ?? []].flat());
        else rmSync(path, { force: true });
      } catch (error) {
        faults.set(path, error as Error);
      }
    }
  return { faults, losses };
}

const isUnfinished = (kind: string | undefined): boolean => kind === "open" || kind === "parquet.tmp";

/** Removes finished files and damaged logs that are older than a number of days. @returns their number */
export function removeOld(folder: string, model: string, days: number): number {
  const path = join(folder, modelName(model));
  if (!existsSync(path)) return 0;
  checkFolder(folder, path);
  let removed = 0;
  for (const name of namesIn(path, false)) {
    const kind = NAME.exec(name)?.[2];
    if (kind !== "parquet" && kind !== "damaged") continue;
    const file = join(path, name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (!found?.isFile() || found.mtimeMs > Date.now() - days * DAY_MS) continue;
    rmSync(file, { force: true });
    removed++;
  }
  return removed;
}

const namesIn = (folder: string, folders: boolean): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter(entry => (folders ? entry.isDirectory() : entry.isFile()))
        .map(entry => entry.name)
    : [];
