/** A filtered search: the users of a request by the values that decide on their candidates, and a search among these for each such group. */
import type { Step } from "../../contract/plan.js";
import type { TextIds } from "../../formats/faiss/text-ids.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import { countBits } from "../../runtime/engine/predicate/bits.js";
import { type PositionSet, type Predicate, preparePredicate } from "../../runtime/engine/predicate/predicate.js";
import type { KernelContext, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { freshAttributes } from "../../runtime/stores/attributes/fresh-attributes.js";
import { type AttributeTable, openAttributes } from "../../runtime/stores/attributes/live-attributes.js";
import type { DeadIds } from "../../runtime/stores/vectors/delta/dead-ids.js";
import type { DeltaContents } from "../../runtime/stores/vectors/delta/delta-contents.js";
import { both, type Overlay } from "../../runtime/stores/vectors/delta/overlay.js";
import { type AliveSearch, excludedRows } from "../../runtime/stores/vectors/delta/search-alive.js";
import { filteredWay } from "../../runtime/stores/vectors/filtered-search.js";
import type { FilteredIndex } from "../../runtime/stores/vectors/open-index.js";
import type { FaissHits } from "../../runtime/stores/vectors/protocol.js";
import { type Hits, join, rowsOf } from "../../runtime/stores/vectors/search.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";

export interface WhereSearch {
  /** @param user columns of the port `user` @param overlay changes of the index */
  search(
    user: readonly Column[],
    request: Omit<Request, "user">,
    overlay?: WhereOverlay,
  ): FaissHits | Promise<FaissHits>;
  /** Changes of the index, searched with the condition. @param what names them in messages */
  overlay(changes: Overlay, what: string): WhereOverlay;
  close(): void;
}

/** Changes of an index, with the attributes of the items that were upserted. */
export interface WhereOverlay {
  readonly changes: Overlay;
  readonly attributes: AttributeTable;
}

/** @param texts of an index that answers texts @param kept attributes of items that the table may lack @throws RuntimeFault naming the attribute table */
export async function openWhere(
  step: Step<"queryFaiss">,
  file: string,
  index: FilteredIndex,
  texts: TextIds | undefined,
  context: KernelContext,
  kept: DeltaContents["kept"] = new Map(),
): Promise<WhereSearch> {
  const { where } = step.params;
  const { attributes } = step.artefacts;
  if (!where || attributes === undefined)
    throw invalid(
      `${file} is searched with a condition, and the plan names no attribute table. Build the ensemble again.`,
    );
  const { conditions, key, columns } = where;
  const { ids } = index;
  const table = await openAttributes({
    file: artefactFile(context.folder, attributes),
    key,
    columns,
    index: file,
    ids: { count: index.header.ntotal, at: texts ? texts.at : position => ids?.[position] ?? BigInt(position) },
    kept,
  });
  const what = `step \`${step.label}\` (queryFaiss)`;
  const predicate = preparePredicate(conditions, what, context.memory);
  const fresh = preparePredicate(conditions, what, context.memory);
  return {
    search: (given, request, overlay) => {
      const user = new Map((step.inputs.user ?? []).map((ref, i) => [ref.name, given[i]!]));
      const asked = { ...request, user };
      const { dead, index: changed, items } = overlay?.changes ?? {};
      const found = searchGroups(
        { step, index, attributes: table.current, predicate, dead },
        { ...asked, k: Math.min(request.k, index.header.ntotal) },
      );
      if (!overlay || !changed) return found;
      const more = searchGroups(
        { step, index: changed, attributes: overlay.attributes, predicate: fresh, dead: undefined },
        { ...asked, k: Math.min(request.k, items!.length) },
      );
      return both(found, more, request.k, index.header.metric);
    },
    overlay: (changes, delta) => ({ changes, attributes: freshAttributes(changes.items, columns, delta) }),
    close: () => {
      table.close();
      predicate.close();
      fresh.close();
    },
  };
}

interface Opened {
  readonly step: Step<"queryFaiss">;
  readonly index: FilteredIndex;
  readonly attributes: AttributeTable;
  readonly predicate: Predicate;
  readonly dead: DeadIds | undefined;
}

interface Request extends AliveSearch {
  readonly user: ReadonlyMap<string, Column>;
  readonly onSearch: RunContext["onSearch"] | undefined;
}

const NO_HITS: Hits = { ids: new BigInt64Array(0), distances: new Float32Array(0) };

function searchGroups(opened: Opened, request: Request): FaissHits | Promise<FaissHits> {
  const { predicate, attributes } = opened;
  const { user, rows, signal } = request;
  const hits: Hits[] = new Array<Hits>(rows).fill(NO_HITS);
  const { groups, candidates } = predicate.begin(attributes, user, rows, signal);
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
  { index, step, dead }: Opened,
  { queries, rows, k, excluded, signal, onSearch }: Request,
  group: readonly number[],
  { bits: all, count: held }: PositionSet,
): FaissHits | Promise<FaissHits> {
  const { nprobe, efSearch } = step.params;
  const { header } = index;
  const asked = group.length === rows ? queries : rowsOf(queries, header.dimension, group);
  const bits = dead ? dead.clear(all) : all;
  const count = bits === all ? held : countBits(bits);
  const among = { bits, count, ...filteredWay(header, { nprobe, efSearch }, count, k) };
  onSearch?.(step.id, { rows: group, items: count, of: header.ntotal, way: among.way });
  return index.searchAmong(among, asked, group.length, k, excluded && excludedRows(excluded, group), signal);
}
