/** Tables of integers that are computed from a file, such as the hash table of a vocabulary: computed once, and mapped by each process. */
import { createHash } from "node:crypto";
import { writevSync } from "node:fs";
import { type SharedFile, sharedFileSync } from "./shared-file.js";

/**
 * Makes a table of zeros, and fills it unless another process did.
 * @param name its kind and version
 */
export type MakeTable = (name: string, length: number, fill: (table: Int32Array) => void) => Int32Array;

/** Tables of this process alone. */
export const ownTable: MakeTable = (_, length, fill) => {
  const table = new Int32Array(length);
  fill(table);
  return table;
};

/** A SHA-256, padded so that the table begins at a multiple of a cache line. */
const HEAD = 64;

/** @param source identifies the content that the tables are computed from */
export const sharedTables =
  (source: string): MakeTable =>
  (name, length, fill) => {
    const size = HEAD + 4 * length;
    const shared = sharedFileSync({
      key: `${name} ${length} of ${source}`,
      size,
      write: file => {
        const table = new Int32Array(length);
        fill(table);
        const bytes = new Uint8Array(table.buffer);
        const head = new Uint8Array(HEAD);
        head.set(sumOf(bytes));
        writeAll(file, [head, bytes], size);
      },
    });
    return (shared && checked(shared, size)) ?? ownTable(name, length, fill);
  };

const sumOf = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

function checked({ bytes, path }: SharedFile, size: number): Int32Array | undefined {
  const body = bytes.subarray(HEAD);
  if (bytes.length === size && Buffer.compare(bytes.subarray(0, 32), sumOf(body)) === 0)
    return new Int32Array(bytes.buffer, HEAD, body.length / 4);
  process.emitWarning(
    `${path} is damaged: its checksum differs. This process computes the table again; remove the file.`,
    "MerlonWarning",
  );
  return undefined;
}

/** @throws Error if the file system has no room */
function writeAll(file: number, parts: readonly Uint8Array[], size: number): void {
  const written = writevSync(file, parts as Uint8Array[]);
  if (written !== size) throw new Error(`wrote ${written} of ${size} bytes`);
}
