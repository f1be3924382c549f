/** Upserts and deletions of files → one change of an index's delta, whole or not at all. */
import { existsSync } from "node:fs";
import { withFile } from "../../../formats/bytes/byte-source.js";
import type { DeltaIds, DeltaRows } from "../../../formats/delta/delta-rows.js";
import { readFaissLayoutFile } from "../../../formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "../../../formats/faiss/text-ids.js";
import { type DatabaseOptions, openDatabase } from "../database.js";
import type { VectorColumns } from "../keyed-vectors.js";
import { type DeltaOptions, type IndexDelta, openIndexDelta } from "./open-index-delta.js";
import { readDeletes } from "./read-deletes.js";
import { readUpserts } from "./read-upserts.js";

export interface ApplyOptions extends DatabaseOptions, VectorColumns, DeltaOptions {
  readonly upserts: readonly string[];
  readonly deletes: readonly string[];
  readonly positions?: Readonly<Record<string, string>>;
}

export interface Applied {
  readonly file: string;
  readonly upserts: number;
  readonly deletes: number;
  /** Deletions of ids that the index does not have. */
  readonly unknown: number;
  readonly firstUnknown: string | undefined;
  /** Rows of which a later row has the same id. */
  readonly replaced: number;
  readonly unit: boolean;
  readonly attributes: readonly string[];
}

/** @param path a FAISS file, or a model with one @throws RuntimeFault naming file, column and row; nothing is applied then */
export async function applyChanges(path: string, options: ApplyOptions): Promise<Applied> {
  const database = await openDatabase(options);
  try {
    const delta = await openIndexDelta(path, options);
    try {
      const rows: DeltaRows[] = [];
      const attributes = new Set<string>();
      let [upserts, replaced] = [0, 0];
      for (const file of options.upserts) {
        const read = await readUpserts(database, file, options, delta.header);
        rows.push(...read.rows);
        upserts += read.count;
        replaced += read.replaced;
        for (const name of read.attributes) attributes.add(name);
      }
      const lists: DeltaIds[] = [];
      for (const file of options.deletes) lists.push(await readDeletes(database, file, options.id, delta.header));
      const deletes = uniqueIds(lists, delta.header.ids);
      const unknown = unknownIds(delta, deletes);
      if (upserts + deletes.length > 0 || options.positions)
        delta.append({ upserts: rows, deletes, ...(options.positions && { positions: options.positions }) });
      return {
        file: delta.file,
        upserts,
        deletes: deletes.length,
        unknown: unknown.length,
        firstUnknown: unknown[0] === undefined ? undefined : String(unknown[0]),
        replaced,
        unit: delta.header.unit,
        attributes: [...attributes],
      };
    } finally {
      delta.close();
    }
  } finally {
    await database.close();
  }
}

export function uniqueIds(lists: readonly DeltaIds[], kind: "int64" | "string"): DeltaIds {
  const all = new Set<bigint | string>();
  for (const list of lists) for (const id of list) all.add(id);
  return kind === "int64" ? BigInt64Array.from(all as Set<bigint>) : [...(all as Set<string>)];
}

/** The ids that neither the base nor its changes have. */
function unknownIds({ delta, base }: Pick<IndexDelta, "delta" | "base">, ids: DeltaIds): (bigint | string)[] {
  const left = new Set<bigint | string>(ids);
  const { items, placeOf } = delta.contents;
  const deleted = new Set<bigint | string>();
  for (const id of ids)
    if (items.has(id)) left.delete(id);
    else if (placeOf.has(id)) deleted.add(id);
  const known = [...left].filter(id => !deleted.has(id));
  const inBase = new Set<bigint | string>(known);
  if (inBase.size > 0) for (const id of baseIds(base)) inBase.delete(id);
  return [...deleted, ...inBase];
}

/** The ids that an index answers with. */
export function* baseIds(file: string): Generator<bigint | string> {
  const { header, idRuns } = readFaissLayoutFile(file);
  const map = textIdsFile(file);
  if (existsSync(map)) {
    const texts = readTextIds(map, { index: file, ntotal: header.ntotal, isKnown: true });
    for (let i = 0; i < texts.count; i++) yield texts.at(i);
  } else if (header.ids === "positions") for (let i = 0; i < header.ntotal; i++) yield BigInt(i);
  else
    yield* withFile(file, source =>
      idRuns.flatMap(({ offset, count }) => [
        ...new BigInt64Array(Uint8Array.from(source.read(offset, 8 * count)).buffer),
      ]),
    );
}
