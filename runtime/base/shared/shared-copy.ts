/** A file of a repository → a private copy of it that processes share. */
import { type BigIntStats, closeSync, constants, copyFileSync, fstatSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { openRegularSync, readRegularSync } from "../../../contract/files/read-regular.js";
import { type SharedFile, sharedFile, sharedFileSync } from "./shared-file.js";
import { type MakeTable, ownTable, sharedTables } from "./shared-table.js";

/** A file that was written this recently could change again without a new time stamp. */
const SETTLED_MS = 20;
const { COPYFILE_FICLONE } = constants;

let unsettled = 0;

function identityOf(file: number): string {
  const found = fstatSync(file, { bigint: true });
  const again = Date.now() - Number(found.ctimeMs) < SETTLED_MS ? ` ${process.pid} ${unsettled++}` : "";
  return markOf(found) + again;
}

const markOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;

/** @returns undefined if it is not shared @throws Error of Node's, or SpecialFileError, for a file that can't be read */
export function sharedCopySync(path: string, limit = Number.POSITIVE_INFINITY): SharedFile | undefined {
  const source = openRegularSync(path, limit);
  try {
    const { from, check, ...content } = contentOf(source);
    return sharedFileSync({
      ...content,
      key: `copy ${content.key}`,
      write: (_, to) => {
        copyFileSync(from, to, COPYFILE_FICLONE);
        check();
      },
    });
  } finally {
    closeSync(source);
  }
}

/** The same beside other work. */
export async function sharedCopy(path: string, limit = Number.POSITIVE_INFINITY): Promise<SharedFile | undefined> {
  const source = openRegularSync(path, limit);
  try {
    const { from, check, ...content } = contentOf(source);
    return await sharedFile({
      ...content,
      key: `copy ${content.key}`,
      write: async (_, to) => {
        await copyFile(from, to, COPYFILE_FICLONE);
        check();
      },
    });
  } finally {
    closeSync(source);
  }
}

export interface ReadFile {
  readonly bytes: Uint8Array;
  /** For tables that are computed from the bytes. */
  readonly makeTable: MakeTable;
}

/** A file's bytes: shared if possible, else read. @throws Error of Node's, or SpecialFileError */
export function readSharedSync(path: string, limit: number): ReadFile {
  const shared = sharedCopySync(path, limit);
  return shared
    ? { bytes: shared.bytes, makeTable: sharedTables(shared.path) }
    : { bytes: readRegularSync(path, limit), makeTable: ownTable };
}

/** An open file as the source of a shared one. */
export function contentOf(source: number) {
  const before = fstatSync(source, { bigint: true });
  return {
    /** Equal for files of equal content. */
    key: identityOf(source),
    size: Number(before.size),
    /** A path of the open file. */
    from: `/proc/self/fd/${source}`,
    /** @throws Error if the file changed since */
    check: () => {
      if (markOf(fstatSync(source, { bigint: true })) !== markOf(before))
        throw new Error("the file changed while it was read");
    },
  };
}
