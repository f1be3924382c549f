/**
 * Writes the changes of an index into a new base. One rename makes the delta name the new base. A process that ends before it leaves the old state,
 * and after it the new one. Changes that are applied meanwhile follow in the new delta. For an index that is not part
 * of a model, the new base then takes the index's own place.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { deltaFile, generationName } from "../../../contract/files/delta-path.js";
import { readArrowColumns } from "../../../formats/arrow/arrow-columns.js";
import { type DeltaHeader, printCommit, printHeader } from "../../../formats/delta/delta-file.js";
import { type DeltaIds, printRows, rowsAtOnce } from "../../../formats/delta/delta-rows.js";
import { textIdsFile } from "../../../formats/faiss/text-ids.js";
import { sumOfFile } from "../../../formats/folders/manifest.js";
import { StagingFolder } from "../../../formats/folders/replace-folder.js";
import { unavailable } from "../../base/errors.js";
import type { AttributeRow, DeltaContents, DeltaId } from "../../stores/vectors/delta/delta-contents.js";
import { requireBase } from "../../stores/vectors/delta/live-index.js";
import { lockFile } from "../../stores/vectors/delta/lock-file.js";
import { type ReadDelta, readDelta } from "../../stores/vectors/delta/read-delta.js";
import { openDeltaWriter, replaceFile, syncFolder } from "../../stores/vectors/delta/write-delta.js";
import { moveFile } from "../transform.js";
import { compactBase } from "./compact-base.js";
import { findIndex } from "./open-index-delta.js";
import { printPickedRows } from "./print-picked-rows.js";
import { publishBase, removeUnused } from "./publish-base.js";

export interface Compacted {
  /** The base by now. */
  readonly file: string;
  readonly count: number;
  /** Changes that the base has by now; 0: there were none. */
  readonly changes: number;
}

/** @param path a FAISS file, or a model with one @throws RuntimeFault naming the file; then everything is as before */
export async function compactIndex(path: string, { waitMs }: { readonly waitMs: number }): Promise<Compacted> {
  const index = findIndex(path);
  const file = deltaFile(index);
  if (!existsSync(file)) return { file: index, count: 0, changes: 0 };
  const release = await lockFile(`${file}.compact.lock`, `a new base of ${index}`, waitMs);
  try {
    await publishBase(index, waitMs);
    const delta = await readDelta(file);
    if (!delta || delta.contents.touched.length === 0) return { file: index, count: 0, changes: 0 };
    const made = await writeBase(index, file, delta);
    await commit(index, file, delta, made.header, waitMs);
    removeUnused(index, file, made.header.base.file);
    await publishBase(index, waitMs);
    const { base } = (await readDelta(file))!.header;
    return {
      file: base.file === "" ? index : join(dirname(file), base.file),
      count: made.count,
      changes: delta.contents.touched.length,
    };
  } finally {
    release();
  }
}

async function writeBase(
  index: string,
  file: string,
  delta: ReadDelta,
): Promise<{ readonly header: DeltaHeader; readonly count: number }> {
  const base = await requireBase(index, delta, file);
  removeUnused(index, file, delta.header.base.file);
  const generation = 1 + Number(/\.g(\d+)$/.exec(delta.header.base.file)?.[1] ?? 0);
  const name = generationName(index, generation);
  const to = join(dirname(file), name);
  const staging = new StagingFolder(to);
  try {
    const made = await compactBase(base, delta.contents, staging.path);
    if (made.map !== undefined) await moveFile(made.map, textIdsFile(to));
    await moveFile(made.file, to);
    syncFolder(dirname(to));
    return { header: { ...delta.header, base: { file: name, ...sumOfFile(to) } }, count: made.count };
  } finally {
    staging.dispose();
  }
}

/** The moment at which the new base counts. */
async function commit(
  index: string,
  file: string,
  delta: ReadDelta,
  header: DeltaHeader,
  waitMs: number,
): Promise<void> {
  const writer = await openDeltaWriter(file, {
    waitMs,
    header: () => Promise.reject(new Error(`${file} was removed`)),
  });
  try {
    const now = writer.delta;
    if (now.inode !== delta.inode || JSON.stringify(now.header) !== JSON.stringify(delta.header))
      throw unavailable(`${file} was replaced while ${index} was compacted. Run the command again.`);
    const later = readFileSync(file).subarray(delta.end, now.end);
    replaceFile(file, [printHeader(header), ...keptParts(header, delta.contents), later]);
  } finally {
    writer.close();
  }
}

/** Attributes of items that are no longer in the delta, and how far sources were applied. */
function* keptParts({ ids: kind, dimension }: DeltaHeader, contents: DeltaContents): Generator<Uint8Array> {
  const rows = new Map<DeltaId, AttributeRow>();
  for (const [id, row] of contents.kept) if (!contents.placeOf.has(id)) rows.set(id, row);
  for (const [id, { attributes }] of contents.items) if (attributes) rows.set(id, attributes);
  const tables = new Map<Uint8Array, [DeltaId, number][]>();
  for (const [id, { table, row }] of rows) {
    const some = tables.get(table);
    if (some) some.push([id, row]);
    else tables.set(table, [[id, row]]);
  }
  for (const [table, all] of tables)
    for (let at = 0; at < all.length; at += rowsAtOnce(dimension)) {
      const some = all.slice(at, at + rowsAtOnce(dimension));
      const keys = some.map(([id]) => id);
      const ids: DeltaIds = kind === "int64" ? BigInt64Array.from(keys as bigint[]) : (keys as string[]);
      yield printRows("attributes", {
        ids,
        vectors: new Float32Array(0),
        attributes: printPickedRows(
          Object.entries(readArrowColumns(table)),
          some.map(([, row]) => row),
        ),
      });
    }
  yield printCommit({ at: contents.at, positions: Object.fromEntries(contents.positions) });
}
