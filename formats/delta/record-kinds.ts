/** The kinds of records in a delta, without their contents. */
import { existsSync } from "node:fs";
import { withFile } from "../bytes/byte-source.js";
import { RECORD, readHeader } from "./delta-file.js";

const HEADER = 2 ** 17;

/** @returns the kinds; none for a file that is missing @throws DeltaFileError */
export function recordKinds(file: string): ReadonlySet<number> {
  const kinds = new Set<number>();
  if (!existsSync(file)) return kinds;
  return withFile(file, source => {
    let at = readHeader(Buffer.from(source.read(0, Math.min(HEADER, source.size))), file)?.end ?? source.size;
    while (at + 16 <= source.size) {
      const frame = Buffer.from(source.read(at, 8));
      kinds.add(frame.readUInt32LE(0));
      at += 16 + frame.readUInt32LE(4);
    }
    return kinds;
  });
}

/** Whether the delta has upserts or deletions, which a compaction would write into its base. */
export const hasChanges = (file: string): boolean => {
  const kinds = recordKinds(file);
  return kinds.has(RECORD.upserts) || kinds.has(RECORD.deletes);
};
