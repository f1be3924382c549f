/** The last part of a compaction, which the next command finishes if the process ended before it did. */
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { deltaFile, isGeneration } from "../../../contract/files/delta-path.js";
import { currentBase } from "../../../formats/delta/delta-base.js";
import { printHeader } from "../../../formats/delta/delta-file.js";
import { textIdsFile } from "../../../formats/faiss/text-ids.js";
import { requireBase } from "../../stores/vectors/delta/live-index.js";
import { openDeltaWriter, replaceFile, syncFolder } from "../../stores/vectors/delta/write-delta.js";

/**
 * Brings a base that a compaction wrote to the index's own place, unless the index is part of a model, whose manifest lists it. Each step leaves a
 * delta that names a whole base. Does nothing if the index is the base.
 * @param waitMs for another writer of the delta
 * @throws RuntimeFault @throws DeltaFileError naming the delta
 */
export async function publishBase(index: string, waitMs: number): Promise<void> {
  const file = deltaFile(index);
  if (file !== `${index}.delta` || currentBase(index) === index) return;
  const writer = await openDeltaWriter(file, {
    waitMs,
    header: () => Promise.reject(new Error(`${file} was removed`)),
  });
  try {
    const { header, start, end } = writer.delta;
    if (header.base.file === "") return;
    const base = await requireBase(index, writer.delta, file);
    const map = textIdsFile(base);
    if (existsSync(map)) takePlace(map, textIdsFile(index));
    takePlace(base, index);
    syncFolder(dirname(index));
    const records = readFileSync(file).subarray(start, end);
    replaceFile(file, [printHeader({ ...header, base: { ...header.base, file: "" } }), records]);
    removeUnused(index, file, "");
  } finally {
    writer.close();
  }
}

/** Links a file to another name, and replaces the file there. */
function takePlace(from: string, to: string): void {
  const link = `${to}.next`;
  rmSync(link, { force: true });
  linkSync(from, link);
  renameSync(link, to);
}

/** Bases that no delta names: of compactions that did not end, and those before. */
export function removeUnused(index: string, file: string, named: string): void {
  const folder = dirname(file);
  for (const name of readdirSync(folder)) {
    const base = name.endsWith(".ids.arrow") ? name.slice(0, -".ids.arrow".length) : name;
    if (isGeneration(index, base) && base !== named) rmSync(join(folder, name), { force: true });
  }
}
