/**
 * A watched folder as a feed: Parquet and Arrow files of upserts, and files of deletions (`*.delete.parquet`, `*.delete.arrow`, `*.txt`). Each file is
 * one change. A file that cannot be applied is moved to `DIR/refused`, and the feed continues.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { invalid, RuntimeFault } from "../../../base/errors.js";
import { lockFile } from "../../../stores/vectors/delta/lock-file.js";
import { type Database, openDatabase } from "../../database.js";
import type { VectorColumns } from "../../keyed-vectors.js";
import { readDeletes } from "../read-deletes.js";
import { readUpserts } from "../read-upserts.js";
import type { Feed, FeedBatch, RowForm, Warn } from "./feed.js";
import { type FeedFile, type FeedFolder, openFeedFolder } from "./feed-folder.js";
import { passes } from "./session.js";

/** How often the folder is read. */
const LOOK_EVERY_MS = 100;
/** A file that cannot be read is refused when it has not changed for this time: its writer may be in the middle. */
const SETTLE_MS = 2000;
/** The feed runs beside servers. */
const DATABASE = { memoryLimit: "2GB", threads: 2 } as const;
/** Names of ignored files that are remembered, so that each is reported once. */
const MOST_IGNORED = 1000;

export interface FolderOptions extends VectorColumns {
  /** Larger files are refused. */
  readonly maxBytes: number;
  /** Applied files are deleted instead of kept in `DIR/done`. */
  readonly removes: boolean;
  readonly warn: Warn;
}

type Rows = Pick<FeedBatch, "upserts" | "deletes" | "counts">;

/** @throws RuntimeFault if the folder is missing, or another process follows it */
export async function openFolderFeed(folder: string, options: FolderOptions): Promise<Feed> {
  const places = openFeedFolder(folder, options.removes);
  const release = await lockFile(join(folder, ".merlon-follow.lock"), folder, 0).catch((error: unknown) => {
    if (!(error instanceof RuntimeFault) || !error.message.startsWith("another process")) throw error;
    throw new RuntimeFault("ALREADY_EXISTS", `another process follows ${folder}. A folder feeds one index.`);
  });
  const database = await openDatabase(DATABASE).catch((error: unknown) => {
    release();
    throw error;
  });
  const settled = settling();
  const ignored = new Set<string>();
  let pending: FeedFile[] = [];
  /** Whether a batch was returned that was not applied. */
  let isOpen = false;

  const read = async (file: FeedFile, identity: string, form: RowForm, isLast: boolean): Promise<Rows | undefined> => {
    try {
      if (!isLast && isOpenText(file.path) && !settled(identity)) return undefined;
      return await readFile(database, file, form, options);
    } catch (error) {
      if (passes(error)) throw error;
      // Its writer is in the middle, or has moved it away.
      if (places.identity(file) !== identity || !(isLast || settled(identity))) return undefined;
      const { message } = error as Error;
      options.warn(`${message} Set aside as ${places.refuse(file, message)}.`);
      return undefined;
    }
  };

  return {
    name: `folder ${resolve(folder)}`,
    async next(after, form, isLast) {
      if (pending.length === 0 || isOpen) pending = [...places.list()];
      for (let file = pending.shift(); file; file = pending.shift()) {
        const identity = places.identity(file);
        if (identity === undefined) continue;
        if (identity === after) {
          places.finish(file);
          continue;
        }
        if (kindOf(file.name) === undefined) {
          if (!ignored.has(file.name) && ignored.size < MOST_IGNORED)
            options.warn(`${file.path} is ignored: upserts are .parquet or .arrow, deletions .txt or .delete.parquet.`);
          ignored.add(file.name);
          continue;
        }
        const rows = await read(file, identity, form, isLast);
        const taken = rows && takeIf(places, file, identity);
        if (!taken) continue;
        isOpen = true;
        const done = (): void => {
          isOpen = false;
          places.finish(taken);
        };
        return { ...rows, position: identity, what: file.name, done };
      }
      return undefined;
    },
    idle: signal => delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {}),
    close: async () => {
      await database.close();
      release();
    },
  };
}

/** Only a file that is still the one that was read. */
const takeIf = (places: FeedFolder, file: FeedFile, identity: string): FeedFile | undefined =>
  places.identity(file) === identity ? places.take(file, identity) : undefined;

function kindOf(name: string): "upserts" | "deletes" | undefined {
  if (/\.txt$|\.delete\.(parquet|pq|arrow|feather|ipc)$/i.test(name)) return "deletes";
  return /\.(parquet|pq|arrow|feather|ipc)$/i.test(name) ? "upserts" : undefined;
}

async function readFile(
  database: Database,
  { path, name }: FeedFile,
  form: RowForm,
  { maxBytes, ...columns }: FolderOptions,
): Promise<Rows> {
  const fault = (what: string): RuntimeFault => invalid(`${path} ${what}`);
  if (/[*?[\]]/.test(name)) throw fault("has one of * ? [ ] in its name, which are globs. Rename it.");
  const { size } = statSync(path);
  if (size > maxBytes)
    throw fault(`has ${size} bytes, and a file may have ${maxBytes}. Split it, or raise \`--max-bytes\`.`);
  if (kindOf(name) === "deletes") {
    const deletes = await readDeletes(database, path, columns.id, form);
    return { deletes, counts: { upserts: 0, deletes: deletes.length } };
  }
  const { rows, count } = await readUpserts(database, path, columns, form);
  return { upserts: rows, counts: { upserts: count, deletes: 0 } };
}

/** A text file whose last line may be in the middle of a write. */
function isOpenText(path: string): boolean {
  if (!/\.txt$/i.test(path)) return false;
  const { size } = statSync(path);
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  const handle = openSync(path, "r");
  try {
    readSync(handle, last, 0, 1, size - 1);
  } finally {
    closeSync(handle);
  }
  return last[0] !== 0x0a;
}

/** @returns whether a state was first seen long enough ago; states that are not seen again are forgotten */
function settling(): (identity: string) => boolean {
  const first = new Map<string, number>();
  return identity => {
    const now = performance.now();
    const since = first.get(identity);
    if (since === undefined) first.set(identity, now);
    if (first.size > MOST_IGNORED) first.delete(first.keys().next().value!);
    return since !== undefined && now - since >= SETTLE_MS;
  };
}
