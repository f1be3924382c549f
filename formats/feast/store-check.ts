/**
 * The check of an online store that is written in place: `online_store.db.check` holds the store's checksum as Merlon last wrote it. A store
 * whose change counter has moved on was written by another program since, and is read without the check.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { z } from "zod";
import { siblingOf } from "../../contract/files/sibling.js";
import { type FileSum, sumOfFile } from "../folders/manifest.js";

export const CHECK_SUFFIX = ".check";

const schema = z.object({
  format: z.literal("merlon/store-check"),
  version: z.literal(1),
  /** The first hundred bytes, hexadecimal. */
  header: z.string().regex(/^[0-9a-f]{200}$/),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The checksum of the store that this one was copied from, where the copy has other bytes. */
  copiedFrom: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type StoreCheck = Readonly<z.output<typeof schema>>;

/** `changed`: by another program since the check was written. `unchecked`: there is no check. */
export type Verdict = "same" | "changed" | "unchecked";

/** A store that is not what was written; the message names the file, and both checksums. */
export class StoreDamaged extends Error {
  override readonly name = "StoreDamaged";
}

const HEADER = 100;
/** Offsets in the header: https://www.sqlite.org/fileformat.html#the_database_header */
const WRITE_VERSION = 18;
const READ_VERSION = 19;
const CHANGE_COUNTER = 24;
const COUNTER_OF_VERSION = 92;
const [ROLLBACK, WAL] = [1, 2];

/** @returns undefined where there is none @throws StoreDamaged */
export function readCheck(file: string): StoreCheck | undefined {
  const path = `${file}${CHECK_SUFFIX}`;
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new StoreDamaged(`${path} is not the check of a store: it was edited or damaged since. ${WAY_OUT}`);
  }
}

const WAY_OUT =
  "Bring back the file that was written, or delete it with its `.check` and run `merlon feast materialize` or `merlon build` again.";

/** @param bytes the store's file as one transaction reads it @throws StoreDamaged */
export function verifyStore(file: string, bytes: Uint8Array): Verdict {
  const check = readCheck(file);
  return check ? judge(file, check, bytes.subarray(0, HEADER), () => sumOf(bytes)) : "unchecked";
}

/**
 * The same by reading the file, for one that is too large for memory. No connection of this process may have it open: closing a file drops the
 * locks of the process on it.
 */
export function verifyStoreFile(file: string): Verdict {
  const check = readCheck(file);
  return check ? judge(file, check, readHeader(file), () => sumOfFile(file)) : "unchecked";
}

function judge(file: string, check: StoreCheck, header: Uint8Array, sumNow: () => FileSum): Verdict {
  const before = Buffer.from(check.header, "hex");
  const now = Buffer.from(header);
  if (now.equals(before)) {
    const found = sumNow();
    if (found.bytes === check.bytes && found.sha256 === check.sha256) return "same";
    throw damaged(file, `has the checksum ${short(found.sha256)}, but ${short(check.sha256)} was written`);
  }
  // A writer sets both counters; a damaged byte changes one, and what is cut has none.
  const counter = now.length === HEADER ? now.readUInt32BE(CHANGE_COUNTER) : undefined;
  const isCounted = counter !== undefined && counter === now.readUInt32BE(COUNTER_OF_VERSION);
  if (isCounted && counter !== before.readUInt32BE(CHANGE_COUNTER)) return "changed";
  throw damaged(file, "has another header than was written, without a transaction in between");
}

const damaged = (file: string, what: string): StoreDamaged =>
  new StoreDamaged(`the online store ${file} ${what}: it was edited or damaged since. ${WAY_OUT}`);

/**
 * Writes the check of a store as it is now, in one step.
 * @param bytes the store, where it is open; else its file is read
 * @param copiedFrom checksum of the store that it is a copy of
 */
export function writeCheck(file: string, bytes?: Uint8Array, copiedFrom?: string): void {
  const header = bytes ? bytes.subarray(0, HEADER) : readHeader(file);
  const check: StoreCheck = {
    format: "merlon/store-check",
    version: 1,
    header: Buffer.from(header).toString("hex"),
    ...(bytes ? sumOf(bytes) : sumOfFile(file)),
    ...(copiedFrom !== undefined && { copiedFrom }),
  };
  const path = `${file}${CHECK_SUFFIX}`;
  const partial = siblingOf(path);
  writeFileSync(partial, `${JSON.stringify(check, null, 2)}\n`, { flag: "wx" });
  renameSync(partial, path);
}

export const removeCheck = (file: string): void => rmSync(`${file}${CHECK_SUFFIX}`, { force: true });

/** A check can't follow a store with a write-ahead log, whose change counter need not move. */
export const hasLog = (bytes: Uint8Array): boolean => bytes[WRITE_VERSION] === WAL;

/** The file of a store whose pages are all in it: it needs no write-ahead log. */
export function inRollbackMode(bytes: Uint8Array): Uint8Array {
  if (!hasLog(bytes)) return bytes;
  const copy = Buffer.from(bytes);
  copy[WRITE_VERSION] = copy[READ_VERSION] = ROLLBACK;
  return copy;
}

/** Whether the file is all of the store: no journal and no log has something to add. */
export const standsAlone = (file: string): boolean =>
  ["-journal", "-wal"].every(suffix => (statSync(`${file}${suffix}`, { throwIfNoEntry: false })?.size ?? 0) === 0);

function readHeader(file: string): Uint8Array {
  const handle = openSync(file, "r");
  try {
    const bytes = new Uint8Array(HEADER);
    return bytes.subarray(0, readSync(handle, bytes));
  } finally {
    closeSync(handle);
  }
}

const sumOf = (bytes: Uint8Array): FileSum => ({
  bytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});
const short = (sha256: string): string => `sha256:${sha256.slice(0, 12)}`;
