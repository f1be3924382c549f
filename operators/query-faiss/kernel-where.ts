/** A filtered search: the users of a request by the values that decide on their candidates, and a search among these for each such group. */
import type { Step } from "../../contract/plan.js";
import type { TextIds } from "../../formats/faiss/text-ids.js";
import type { Cancellation } from "../../runtime/base/cancellation.js";
import { type Column, gather, rootRows } from "../../runtime/base/columns/table.js";
import { type PositionSet, type Predicate, preparePredicate } from "../../runtime/engine/predicate/predicate.js";
import type { KernelContext, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { type LiveAttributes, openAttributes } from "../../runtime/stores/attributes/live-attributes.js";
import { filteredWay } from "../../runtime/stores/vectors/filtered-search.js";
import type { FilteredIndex } from "../../runtime/stores/vectors/open-index.js";
import type { Excluded, FaissHits } from "../../runtime/stores/vectors/protocol.js";
import { type Hits, join } from "../../runtime/stores/vectors/search.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";

export interface WhereSearch {
  /** @param user columns of the port `user` */
  search(user: readonly Column[], request: Omit<Request, "user">): FaissHits | Promise<FaissHits>;
  close(): void;
}

/** @param texts of an index that answers texts @throws RuntimeFault naming the attribute table */
export async function openWhere(
  step: Step<"queryFaiss">,
  file: string,
  index: FilteredIndex,
  texts: TextIds | undefined,
  context: KernelContext,
): Promise<WhereSearch> {
  const { conditions, key, columns } = step.params.where!;
  const { ids } = index;
  const attributes = await openAttributes({
    file: artefactFile(context.folder, step.artefacts.attributes!),
    key,
    columns,
    index: file,
    ids: { count: index.header.ntotal, at: texts ? texts.at : position => ids?.[position] ?? BigInt(position) },
  });
  const predicate = preparePredicate(conditions, `step \`${step.label}\` (queryFaiss)`, context.memory);
  return {
    search: (columns, request) => {
      const user = new Map((step.inputs.user ?? []).map((ref, i) => [ref.name, columns[i]!]));
      return searchGroups({ step, index, attributes, predicate }, { ...request, user });
    },
    close: () => {
      attributes.close();
      predicate.close();
    },
  };
}

interface Opened {
  readonly step: Step<"queryFaiss">;
  readonly index: FilteredIndex;
  readonly attributes: LiveAttributes;
  readonly predicate: Predicate;
}

interface Request {
  readonly queries: Float32Array;
  readonly user: ReadonlyMap<string, Column>;
  readonly rows: number;
  readonly k: number;
  readonly excluded: Excluded | undefined;
  readonly signal: Cancellation | undefined;
  readonly onSearch: RunContext["onSearch"] | undefined;
}

const NO_HITS: Hits = { ids: new BigInt64Array(0), distances: new Float32Array(0) };

function searchGroups(opened: Opened, request: Request): FaissHits | Promise<FaissHits> {
  const { predicate, attributes } = opened;
  const { user, rows, signal } = request;
  const hits: Hits[] = new Array<Hits>(rows).fill(NO_HITS);
  const { groups, candidates } = predicate.begin(attributes.current, user, rows, signal);
  const keep = (group: readonly number[], found: FaissHits): void =>
    group.forEach((row, i) => {
      const [start, end] = [found.offsets[i]!, found.offsets[i + 1]!];
      hits[row] = { ids: found.ids.subarray(start, end), distances: found.distances.subarray(start, end) };
    });
  const search = (group: readonly number[]): FaissHits | Promise<FaissHits> => {
    const set = candidates(group[0]!);
    if (set instanceof Promise) return set.then(later => searchAmong(opened, request, group, later));
    return searchAmong(opened, request, group, set);
  };
  // One after the other: a request holds one set of its own at a time.
  for (let g = 0; g < groups.length; g++) {
    const found = search(groups[g]!);
    if (!(found instanceof Promise)) {
      keep(groups[g]!, found);
      continue;
    }
    return (async () => {
      keep(groups[g]!, await found);
      for (const group of groups.slice(g + 1)) keep(group, await search(group));
      return join(hits);
    })();
  }
  return join(hits);
}

function searchAmong(
  { index, step }: Opened,
  { queries, rows, k, excluded, signal, onSearch }: Request,
  group: readonly number[],
  { bits, count }: PositionSet,
): FaissHits | Promise<FaissHits> {
  const { nprobe, efSearch } = step.params;
  const asked = group.length === rows ? queries : rowsOf(queries, index.header.dimension, group);
  const among = { bits, count, ...filteredWay(index.header, { nprobe, efSearch }, count, k) };
  onSearch?.(step.id, { rows: group, items: count, of: index.header.ntotal, way: among.way });
  return index.searchAmong(among, asked, group.length, k, excluded && excludedOf(excluded, group), signal);
}

function rowsOf(queries: Float32Array, dimension: number, rows: readonly number[]): Float32Array {
  const some = new Float32Array(rows.length * dimension);
  rows.forEach((row, i) => {
    some.set(queries.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  });
  return some;
}

function excludedOf({ ids, offsets }: Excluded, rows: readonly number[]): Excluded {
  const all: Column = { dtype: "int64", rows: rootRows(offsets.length - 1), values: ids, offsets };
  const some = gather(all, Int32Array.from(rows), rootRows(rows.length));
  return { ids: some.values as BigInt64Array, offsets: some.offsets! };
}
