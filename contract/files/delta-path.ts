/** The place of an index's changes: beside it, or for a compiled model in the folder of live files. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { LIVE_FOLDER } from "./live-folder.js";

/** The folder of a compiled version that holds its indexes, and the file beside it that says that it is one. */
const INDEXES = "indexes";
const PLAN = "plan.json";

/** The delta of an index, whether or not it exists. */
export function deltaFile(index: string): string {
  const folder = dirname(index);
  const isCompiled = basename(folder) === INDEXES && existsSync(join(dirname(folder), PLAN));
  return `${isCompiled ? join(dirname(folder), LIVE_FOLDER, basename(index)) : index}.delta`;
}

/** The index that a delta's header names. @param file "" for the index itself */
export const baseFile = (index: string, file: string): string =>
  file === "" ? index : join(dirname(deltaFile(index)), file);

/** A base of a later generation, which a compaction wrote beside the delta: `items.faiss.g3`. */
export const generationName = (index: string, generation: number): string => `${basename(index)}.g${generation}`;
export const isGeneration = (index: string, file: string): boolean =>
  file.startsWith(`${basename(index)}.g`) && /\.g\d{1,9}$/.test(file);
