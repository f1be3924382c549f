/**
 * A search among some of an index's vectors: the ways that it can take, and which of them is cheapest.
 */
import { type FaissHeader, type SearchParameters, searchedBy } from "../../../formats/faiss/faiss.js";
import { MAX_EF_SEARCH } from "../../../formats/faiss/faiss-graph.js";
import { type Find, type Hits, type OpenIndex, rowsOf, type SearchIndex } from "./search.js";

/** Compares every vector of the set, those of them in the nearest lists, or those that a walk through the graph meets. */
export type FilteredWay = "exact" | "lists" | "graph";

/** The vectors that may be found, and how they are searched. */
export interface Among {
  /** A bit for each position, the lowest of a byte first; none is set beyond the last position. */
  readonly bits: Uint8Array;
  /** Bits that are set. */
  readonly count: number;
  readonly way: FilteredWay;
  /** Nodes that a graph's search keeps; 0 for the other ways. */
  readonly effort: number;
}

/** As `SearchIndex`, among some vectors. */
export type SearchAmong = (among: Among, ...search: Parameters<SearchIndex>) => ReturnType<SearchIndex>;

/** An index that is also searched among some of its vectors. */
export interface FilteredIndex extends OpenIndex {
  /** The id of each position; undefined where they are the same. */
  readonly ids: BigInt64Array | undefined;
  readonly searchAmong: SearchAmong;
}

/**
 * Costs in nanoseconds of one thread for vectors of 64 numbers, measured by `npm run bench:filtered -- --costs`; only their ratios matter. A search
 * of a graph compares some forty vectors, in any order, for each node that it keeps.
 */
export const COSTS = {
  /** One vector of the set. */
  compare: 23,
  /** One id of a list, whether it is in the set. */
  test: 1.2,
  /** One position of a set that is not one of lists. */
  skip: 0.1,
  /** One node that a search of a graph keeps. */
  keep: 2800,
} as const;

/** A graph misses some of the nearest, so its search has to be this many times cheaper than one of all. */
const CHEAPER = 3.5;

/** Nodes that a search of a graph also keeps, for each one up to the k-th survivor. Its recall is then about that of a search of all. */
const BEYOND = 2;

/** With fewer than this many times `k` vectors of the set in the lists that are visited, their best are too often in other lists. */
const FEW = 20;

/**
 * The cheaper way. Constant costs make it the same on every machine, so that replicas give the same answers.
 * @param parameters instead of the file's own
 * @param set vectors that may be found
 */
export function filteredWay(
  header: FaissHeader,
  parameters: SearchParameters,
  set: number,
  k: number,
): Pick<Among, "way" | "effort"> {
  const { ntotal } = header;
  const { nlist, nprobe, efSearch } = parametersOf(header, parameters);
  const exact = { way: "exact", effort: 0 } as const;
  const cost = set * COSTS.compare + ntotal * (nlist === undefined ? COSTS.skip : COSTS.test);
  if (nlist !== undefined) {
    const part = Math.min(1, nprobe! / nlist);
    const lists = nlist * COSTS.compare + part * (ntotal * COSTS.test + set * COSTS.compare);
    return cost <= lists || set * part < FEW * k ? exact : { way: "lists", effort: 0 };
  }
  if (efSearch === undefined || set === 0) return exact;
  const part = set / ntotal;
  // At most as many survivors are kept as a search of all keeps nodes.
  const kept = Math.max(efSearch, k);
  const effort = Math.ceil(Math.min(kept / part, kept + (BEYOND * k) / part));
  if (effort > MAX_EF_SEARCH || cost <= CHEAPER * effort * COSTS.keep) return exact;
  return { way: "graph", effort };
}

/** The parameters of a search: those given, and for the others the file's. */
function parametersOf(
  header: FaissHeader,
  given: SearchParameters,
): Pick<FaissHeader, "nlist" | "nprobe" | "efSearch"> {
  const { nlist, nprobe, efSearch } = searchedBy(header);
  return {
    ...(nlist !== undefined && { nlist, nprobe: given.nprobe ?? nprobe! }),
    ...(efSearch !== undefined && { efSearch: given.efSearch ?? efSearch }),
  };
}

/** Rows for which `first` finds fewer than there are get the answer of `exact`. @param set vectors that may be found */
export const orExact =
  (first: Find, exact: Find, set: number, dimension: number): Find =>
  (queries, count, k, signal) => {
    const wanted = Math.min(k, set);
    const settle = (found: readonly Hits[]): readonly Hits[] | Promise<readonly Hits[]> => {
      const short = found.flatMap(({ ids }, row) => (ids.length < wanted ? [row] : []));
      if (short.length === 0) return found;
      const merge = (whole: readonly Hits[]): readonly Hits[] => {
        const rows = [...found];
        short.forEach((row, i) => {
          rows[row] = whole[i]!;
        });
        return rows;
      };
      const whole = exact(rowsOf(queries, dimension, short), short.length, k, signal);
      return whole instanceof Promise ? whole.then(merge) : merge(whole);
    };
    const found = first(queries, count, k, signal);
    return found instanceof Promise ? found.then(settle) : settle(found);
  };
