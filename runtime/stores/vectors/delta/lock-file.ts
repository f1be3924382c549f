/**
 * A lock that one process has at a time: SQLite's on an empty file. The system releases it when the process ends, also by a kill. Containers of one
 * machine exclude each other, too.
 */
import { setTimeout as delay } from "node:timers/promises";
import { unavailable } from "../../../base/errors.js";

const RETRY_MS = 20;

type Sqlite = typeof import("node:sqlite");
let loaded: Sqlite | undefined;

/** Node 22 warns that the module may change, 24 and 26 do not; only its locks are used here. */
function sqlite(): Sqlite {
  if (loaded) return loaded;
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    loaded = process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
  return loaded;
}

/**
 * @param what is locked, for messages
 * @param waitMs for another process that has it
 * @returns a function that releases it @throws RuntimeFault if another process keeps it, or the file cannot be made
 */
export async function lockFile(file: string, what: string, waitMs: number): Promise<() => void> {
  const until = performance.now() + waitMs;
  for (;;) {
    const database = openLock(file, what);
    try {
      database.exec("BEGIN EXCLUSIVE");
      return () => database.close();
    } catch (error) {
      database.close();
      const { errcode, message } = error as { errcode?: number; message: string };
      // SQLITE_BUSY
      if (errcode !== 5) throw unavailable(`${file} cannot be locked: ${message}.`);
    }
    if (performance.now() >= until)
      throw unavailable(
        `another process writes ${what}, and still did after ${waitMs} ms. Wait for it, or give a longer \`--wait\`.`,
      );
    await delay(RETRY_MS);
  }
}

function openLock(file: string, what: string): InstanceType<Sqlite["DatabaseSync"]> {
  try {
    return new (sqlite().DatabaseSync)(file);
  } catch (error) {
    throw unavailable(
      `${what} cannot be written, because ${file} cannot be made: ${(error as Error).message}. Is the folder writable?`,
    );
  }
}
