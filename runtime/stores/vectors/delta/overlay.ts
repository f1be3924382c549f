/** One state of a delta, searchable beside its base: its vectors as a flat index, and the base's vectors that it replaces. */
import type { FaissHeader } from "../../../../formats/faiss/faiss.js";
import { type FilteredIndex, openVectors } from "../open-index.js";
import type { FaissHits } from "../protocol.js";
import type { SearchIndex } from "../search.js";
import { type DeadIds, deadIds } from "./dead-ids.js";
import type { DeltaContents, DeltaId, DeltaItem } from "./delta-contents.js";
import { type AliveSearch, mergeHits, searchAlive } from "./search-alive.js";

/** The facts of a base that its delta needs. */
export interface OverlaidBase {
  readonly header: FaissHeader;
  /** Positions of an id in the base; needed if the base answers positions, or is searched with a filter. */
  readonly positionsOf: ((id: DeltaId) => readonly number[]) | undefined;
}

export interface Overlay {
  readonly dead: DeadIds;
  /** Items in the order of their last upsert. */
  readonly items: readonly DeltaItem[];
  /** Undefined if all changes are deletions. Texts are answered as positions that follow those of the base. */
  readonly index: FilteredIndex | undefined;
  /** The text that an id stands for. */
  textAt(position: number): string | undefined;
  /** The id that stands for a text, or −1. */
  positionOf(text: string): number;
  /** The best of the base and of the delta. @param search of the base */
  search(search: SearchIndex, request: AliveSearch): FaissHits | Promise<FaissHits>;
  /** Takes the delta's later states. */
  readonly next: (contents: DeltaContents) => Promise<Overlay>;
  close(): Promise<void>;
}

/** @param what names the delta in messages */
export function openOverlay(
  base: OverlaidBase,
  isText: boolean,
  contents: DeltaContents,
  what: string,
): Promise<Overlay> {
  const take = deadIds({ positionsOf: base.positionsOf, answersPositions: isText });
  const next = (later: DeltaContents): Promise<Overlay> => overlayOf(base, isText, later, take(later), what, next);
  return next(contents);
}

async function overlayOf(
  { header }: OverlaidBase,
  isText: boolean,
  contents: DeltaContents,
  dead: DeadIds,
  what: string,
  next: Overlay["next"],
): Promise<Overlay> {
  const { dimension, metric, ntotal } = header;
  const keys = [...contents.items.keys()];
  const items = [...contents.items.values()];
  const vectors = new Float32Array(items.length * dimension);
  items.forEach(({ vector }, i) => {
    vectors.set(vector, i * dimension);
  });
  const ids = BigInt64Array.from(keys, (id, i) => (isText ? BigInt(ntotal + i) : (id as bigint)));
  const index = items.length > 0 ? await openVectors({ vectors, ids, dimension, metric }, what) : undefined;
  let places: Map<DeltaId, number> | undefined;
  return {
    dead,
    items,
    index,
    next,
    textAt: position => keys[position - ntotal] as string | undefined,
    positionOf: text => {
      places ??= new Map(keys.map((key, i) => [key, ntotal + i]));
      return places.get(text) ?? -1;
    },
    search: (search, request) => {
      const found =
        ntotal > 0
          ? searchAlive(search, header, dead, { ...request, k: Math.min(request.k, ntotal) })
          : noHits(request.rows);
      if (!index) return found;
      const { queries, rows, k, excluded, signal } = request;
      const fresh = index.search(queries, rows, Math.min(k, items.length), excluded, signal);
      return both(found, fresh, k, metric);
    },
    close: async () => {
      await index?.close();
    },
  };
}

export const noHits = (rows: number): FaissHits => ({
  ids: new BigInt64Array(0),
  distances: new Float32Array(0),
  offsets: new Int32Array(rows + 1),
});

/** Merges two searches, at once if both are. */
export function both(
  a: FaissHits | Promise<FaissHits>,
  b: FaissHits | Promise<FaissHits>,
  k: number,
  metric: "ip" | "l2",
): FaissHits | Promise<FaissHits> {
  if (!(a instanceof Promise) && !(b instanceof Promise)) return mergeHits(a, b, k, metric);
  return Promise.all([a, b]).then(([x, y]) => mergeHits(x, y, k, metric));
}
