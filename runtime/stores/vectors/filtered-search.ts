/**
 * A search among some of an index's vectors: the ways that it can take, and which of them is cheapest.
 */
import { type FaissHeader, type SearchParameters, searchedBy } from "../../../formats/faiss/faiss.js";
import { MAX_EF_SEARCH } from "../../../formats/faiss/faiss-graph.js";
import type { Find, Hits, SearchIndex } from "./search.js";

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

/**
 * Costs in nanoseconds of one thread for vectors of 64 numbers, measured by `npm run bench:filtered -- --costs`; only their ratios matter. A walk
 * compares about the same number of vectors for each node that it keeps, in any order. Exact searches read vectors in order, and skip most.
 */
export const COSTS = { compare: 7, test: 0.6, nodes: 24, walk: 40 } as const;

/** Fewer survivors than this many times `k` in the lists that are visited may leave a query without its `k`. */
const FEW = 4;

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
  const cost = set * COSTS.compare + ntotal * (nlist === undefined ? COSTS.test / 8 : COSTS.test);
  if (nlist !== undefined) {
    const part = Math.min(1, nprobe! / nlist);
    const lists = nlist * COSTS.compare + part * (ntotal * COSTS.test + set * COSTS.compare);
    return cost <= lists || set * part < FEW * k ? exact : { way: "lists", effort: 0 };
  }
  if (efSearch === undefined || set === 0) return exact;
  // As many survivors are kept as a search of all keeps nodes.
  const effort = Math.ceil((Math.max(efSearch, k) * ntotal) / set);
  if (effort > MAX_EF_SEARCH || cost <= effort * COSTS.nodes * COSTS.walk) return exact;
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
      const again = new Float32Array(short.length * dimension);
      short.forEach((row, i) => {
        again.set(queries.subarray(row * dimension, (row + 1) * dimension), i * dimension);
      });
      const merge = (whole: readonly Hits[]): readonly Hits[] => {
        const rows = [...found];
        short.forEach((row, i) => {
          rows[row] = whole[i]!;
        });
        return rows;
      };
      const whole = exact(again, short.length, k, signal);
      return whole instanceof Promise ? whole.then(merge) : merge(whole);
    };
    const found = first(queries, count, k, signal);
    return found instanceof Promise ? found.then(settle) : settle(found);
  };
