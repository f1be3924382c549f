/**
 * Reads small files of untrusted origin: regular files only, up to a size. A FIFO or a device would block the process or never end.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { MAX_CONFIG_BYTES } from "../../triton-protos/config-limits.js";

const MIB = 2 ** 20;
/** Bytes that files of each kind may have. */
export const FILE_LIMITS = {
  /** config.pbtxt: characters take up to four bytes. */
  config: 4 * MAX_CONFIG_BYTES,
  labels: 64 * MIB,
  /** JSON and YAML: plans, golden rows, mocks, feature stores. */
  document: 256 * MIB,
  /** Files that are read whole: registries of features, warm-up data, states. */
  data: 2 ** 31 - 1,
} as const;

/** A file that is not read, and why; `code` as Node's errors have it. */
export class SpecialFileError extends Error {
  override readonly name = "SpecialFileError";
  constructor(
    message: string,
    readonly code: "EISDIR" | "EFTYPE" | "EFBIG",
  ) {
    super(message);
  }
}

/** Opening does not block: otherwise a FIFO without a writer would block, and a terminal would become the process's own. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

const kindOf = (stats: Stats): string =>
  stats.isDirectory()
    ? "a directory"
    : stats.isFIFO()
      ? "a FIFO"
      : stats.isSocket()
        ? "a socket"
        : stats.isCharacterDevice() || stats.isBlockDevice()
          ? "a device"
          : "not a file";

function check(path: string, stats: Stats, limit: number): void {
  if (!stats.isFile())
    throw new SpecialFileError(
      `${path} is ${kindOf(stats)}; expected a regular file`,
      stats.isDirectory() ? "EISDIR" : "EFTYPE",
    );
  if (stats.size > limit)
    throw new SpecialFileError(`${path} has ${stats.size} bytes; expected at most ${limit}`, "EFBIG");
}

/** Opens a file for reading. @throws Error of Node's for a file that cannot be opened @throws SpecialFileError */
export function openRegularSync(path: string, limit: number): number {
  const file = openSync(path, FLAGS);
  try {
    check(path, fstatSync(file), limit);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** @throws Error of Node's for a file that cannot be opened @throws SpecialFileError */
export function readRegularSync(path: string, limit: number): Buffer {
  const file = openRegularSync(path, limit);
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** The same, beside other work. */
export async function readRegular(path: string, limit: number): Promise<Buffer> {
  const file = await open(path, FLAGS);
  try {
    check(path, await file.stat(), limit);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** For files that a library opens by itself. A file that does not exist is the library's to report. @throws SpecialFileError */
export function requireRegular(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats) check(path, stats, Number.POSITIVE_INFINITY);
}
