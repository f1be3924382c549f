/** The effect of a delta's records: the newest vector of each id, the ids that the base no longer answers with, and positions of sources. */
import { type DeltaCommit, type DeltaHeader, type DeltaRecord, RECORD } from "../../../../formats/delta/delta-file.js";
import { type DeltaRows, readRows } from "../../../../formats/delta/delta-rows.js";

export type DeltaId = bigint | string;

/** A place in the attributes of a record. */
export interface AttributeRow {
  /** An Arrow file. */
  readonly table: Uint8Array;
  readonly row: number;
}

/** A vector that is the newest of its id. */
export interface DeltaItem {
  /** Rows of one record share their memory. */
  readonly vector: Float32Array;
  readonly attributes: AttributeRow | undefined;
}

export interface DeltaContents {
  /** Live vectors, by id, in the order of their last upsert. */
  readonly items: ReadonlyMap<DeltaId, DeltaItem>;
  /** Each id that the delta names, in the order in which it was first named: the base's vectors of it are not found. Only ever appended to. */
  readonly touched: readonly DeltaId[];
  /** The place of an id in `touched`. */
  readonly placeOf: ReadonlyMap<DeltaId, number>;
  /** Attributes that a compaction kept, of ids that the base has. */
  readonly kept: ReadonlyMap<DeltaId, AttributeRow>;
  readonly positions: ReadonlyMap<string, string>;
  /** Commits so far. */
  readonly commits: number;
  /** When the last of them was written, in milliseconds since 1970. */
  readonly at: number;
}

export interface DeltaFold extends DeltaContents {
  /** Takes a record; those before a commit take effect with it. @throws DeltaFileError naming the file */
  add(record: DeltaRecord, commit: DeltaCommit | undefined): void;
}

/** @param where file name, for messages */
export function foldDelta(header: DeltaHeader, where: string): DeltaFold {
  const items = new Map<DeltaId, DeltaItem>();
  const touched: DeltaId[] = [];
  const placeOf = new Map<DeltaId, number>();
  const kept = new Map<DeltaId, AttributeRow>();
  const positions = new Map<string, string>();
  let waiting: { readonly kind: number; readonly rows: DeltaRows }[] = [];
  let [commits, at] = [0, 0];
  const apply = ({ kind, rows }: (typeof waiting)[number]): void => {
    const { ids, vectors, attributes } = rows;
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row]!;
      const own = attributes.length > 0 ? { table: attributes, row } : undefined;
      if (kind === RECORD.attributes) {
        kept.set(id, own!);
        continue;
      }
      if (!placeOf.has(id)) placeOf.set(id, touched.push(id) - 1);
      // Deleted first, so that the order is that of the last upsert.
      items.delete(id);
      if (kind !== RECORD.upserts) continue;
      const { dimension } = header;
      items.set(id, { vector: vectors.subarray(row * dimension, (row + 1) * dimension), attributes: own });
    }
  };
  return {
    items,
    touched,
    placeOf,
    kept,
    positions,
    get commits() {
      return commits;
    },
    get at() {
      return at;
    },
    add: (record, commit) => {
      if (!commit) {
        waiting.push({ kind: record.kind, rows: readRows(record, header, where) });
        return;
      }
      commits++;
      for (const one of waiting) apply(one);
      waiting = [];
      for (const [name, value] of Object.entries(commit.positions)) positions.set(name, value);
      at = commit.at;
    },
  };
}
