/**
 * The base that a delta names. A compaction renames the delta before its base takes the index's place. If the process ends between the two,
 * the delta names a file beside it, which has the changes that the index lacks.
 */
import { existsSync, readFileSync } from "node:fs";
import { baseFile, deltaFile, isGeneration } from "../../contract/files/delta-path.js";
import { withFile } from "../bytes/byte-source.js";
import { DeltaFileError, type DeltaHeader, printHeader, readHeader } from "./delta-file.js";

const MOST_HEADER = 2 ** 17;

/**
 * The file of an index's vectors: the index itself, or the base that its delta names.
 * @throws DeltaFileError for a delta that is damaged, or names a file that is missing or not one of the index's bases
 */
export function currentBase(index: string): string {
  const delta = deltaFile(index);
  const file = headerOf(delta)?.base.file ?? "";
  if (file === "") return index;
  if (!isGeneration(index, file))
    throw new DeltaFileError(`${delta} names the base ${file}, which is not one of ${index}.`);
  const base = baseFile(index, file);
  if (existsSync(base)) return base;
  throw new DeltaFileError(`${delta} names the base ${base}, which is missing. Restore it, or remove the delta.`);
}

/** @returns the bytes of a delta whose base is the index itself, with the same content */
export function withOwnBase(delta: string): Uint8Array {
  const bytes = readFileSync(delta);
  const { header, end } = readHeader(bytes, delta)!;
  return Buffer.concat([printHeader({ ...header, base: { ...header.base, file: "" } }), bytes.subarray(end)]);
}

/** @returns undefined for a file that is missing, or whose header is not whole */
function headerOf(delta: string): DeltaHeader | undefined {
  if (!existsSync(delta)) return undefined;
  return withFile(delta, source => readHeader(Buffer.from(source.read(0, Math.min(MOST_HEADER, source.size))), delta))
    ?.header;
}
