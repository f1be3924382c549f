/** Orders and what was read for them before → snapshots, or what has changed since: what the snapshot thread does. */
import { inStore, takeSnapshots } from "./snapshot.js";
import { changesOfViews, databaseBytes, type TableState, tableStates, type ViewChanges } from "./snapshot-changes.js";
import type { SnapshotOrder, ViewSnapshot } from "./snapshot-form.js";

export interface ThreadOrder {
  readonly orders: readonly SnapshotOrder[];
  /** Changes are to be found later: the tables' pages are read too. */
  readonly follow: boolean;
  /** Per order and view what the table was before; absent where all is to be read. */
  readonly before?: readonly (readonly TableState[])[];
}

/** The data of a reader in memory, per view. */
export interface Taken {
  readonly views: readonly ViewSnapshot[];
  readonly bytes: number;
  /** Undefined for a table whose changes cannot be followed. */
  readonly tables: readonly (TableState | undefined)[];
}

/** One for each order; undefined for one that is too large. */
export interface AllTaken {
  readonly taken: readonly (Taken | undefined)[];
}

export type ThreadReply = AllTaken | { readonly changes: readonly (readonly ViewChanges[])[] };

/** @throws RuntimeFault naming file, table or value */
export function replyTo({ orders, follow, before }: ThreadOrder): ThreadReply {
  return inStore(orders, db => {
    const bytes = follow ? databaseBytes(db, orders) : undefined;
    const changes = bytes && before?.map((tables, i) => changesOfViews(db, bytes, orders[i]!, tables));
    if (changes?.every(views => views !== undefined)) return { changes };
    const taken = takeSnapshots(db, orders);
    return {
      taken: taken.map((one, i) => one && { ...one, tables: tableStates(db, bytes, orders[i]!.reads, one.views) }),
    };
  });
}
