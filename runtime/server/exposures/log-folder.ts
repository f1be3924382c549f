/**
 * The files of one model's exposures: `DIR/MODEL/NAME.open` is a log that a process appends to, `NAME.parquet` a finished file. Names have the
 * form below, and no other file is touched.
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
  rmSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type ModelName, modelName } from "../../../contract/files/model-name.js";
import { OWNER_TAG, ownerIsGone, ownerTag } from "../../../contract/files/owner-tag.js";
import { readBlocks } from "./block-file.js";
import { finishFile } from "./finish-file.js";

/** Time in milliseconds, number of the worker, the process, the number of the exposure log in it, and digits that make it unique. */
const NAME = new RegExp(`^\\d{13}-w\\d+-(${OWNER_TAG})-[0-9a-f]{8}\\.(open|parquet|parquet\\.tmp)$`);
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

/**
 * A log that is not written any more → its Parquet file. A log without a whole block is removed.
 * @returns whether there is a new file @throws Error of the file system
 */
export function finishLog(base: string): boolean {
  const log = `${base}.open`;
  let isMade = false;
  // A log whose file was renamed before its process was killed would be there twice.
  if (!existsSync(`${base}.parquet`)) {
    const file = openSync(log, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const blocks = readBlocks(file);
      isMade = blocks !== undefined && blocks.blocks.length > 0;
      if (isMade) finishFile(file, blocks!, `${base}.parquet`);
    } finally {
      closeSync(file);
    }
  }
  rmSync(log, { force: true });
  return isMade;
}

/** Finishes the logs of processes that ended without doing so. @returns faults by path; those logs stay */
export function recoverLogs(folder: string): ReadonlyMap<string, Error> {
  const faults = new Map<string, Error>();
  for (const model of namesIn(folder, true))
    for (const name of namesIn(join(folder, model), false)) {
      const [, owner, kind] = NAME.exec(name) ?? [];
      if (owner === undefined || kind === "parquet" || !ownerIsGone(owner)) continue;
      const path = join(folder, model, name);
      try {
        checkFolder(folder, join(folder, model));
        if (kind === "open") finishLog(path.slice(0, -".open".length));
        else rmSync(path, { force: true });
      } catch (error) {
        faults.set(path, error as Error);
      }
    }
  return faults;
}

/** Removes finished files that are older than a number of days. @returns their number */
export function removeOld(folder: string, model: string, days: number): number {
  const path = join(folder, modelName(model));
  if (!existsSync(path)) return 0;
  checkFolder(folder, path);
  let removed = 0;
  for (const name of namesIn(path, false)) {
    if (NAME.exec(name)?.[2] !== "parquet") continue;
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
