/**
 * One query vector per row → the `topk` nearest items of each row, best first, as child rows; a row gets fewer when fewer are found. Ids that
 * `exclude` lists for the row are searched past. If the index has an id map, ids are its texts, in `exclude` too.
 */
import type { Step } from "../../contract/plan.js";
import type { FaissHeader } from "../../formats/faiss/faiss.js";
import type { TextIds } from "../../formats/faiss/text-ids.js";
import { type Column, childRows } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import { internal, invalid } from "../../runtime/base/errors.js";
import type { InputsOf, Kernel, PreparedKernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import type { Lease, LiveIndex } from "../../runtime/stores/vectors/delta/live-index.js";
import { noHits } from "../../runtime/stores/vectors/delta/overlay.js";
import { excludedIds } from "../../runtime/stores/vectors/excluded-ids.js";
import type { FaissHits } from "../../runtime/stores/vectors/protocol.js";
import { excludedTexts } from "../../runtime/stores/vectors/text-positions.js";
import { longRow, toUnitLength } from "../../runtime/stores/vectors/unit-length.js";
import { checkFinite } from "../shared/kernel/check-finite.js";
import { openStepIndex, type StepBase, type StepOverlay } from "./kernel-base.js";

export const queryFaiss: Kernel<"queryFaiss"> = {
  prepare: async (step, context) => prepareSearch(step, await openStepIndex(step, context)),
};

function prepareSearch(
  step: Step<"queryFaiss">,
  live: LiveIndex<StepBase, StepOverlay>,
): PreparedKernel<InputsOf<"queryFaiss">> {
  const { normalize, topk, includeDistances } = step.params;
  const { name } = step.inputs.input[0];
  return {
    run: (inputs, context) => {
      const lease = live.acquire();
      try {
        const { base, overlay } = lease;
        const { header } = base.index;
        const query = inputs.input[0];
        const { rows } = query;
        checkQueries(query, name, header, normalize === true);
        const given = query.values as Float32Array;
        const queries = normalize ? new Float32Array(given) : given;
        const zeros = normalize ? toUnitLength(queries, header.dimension) : [];
        const columns = (found: FaissHits): Column[] => {
          const hits = zeros.length > 0 ? withoutRows(found, new Set(zeros)) : found;
          const made = childRows(rows, hits.offsets);
          const ids: Column = base.texts
            ? { dtype: "string", rows: made, values: textsOf(hits.ids, base.texts, overlay, base.file) }
            : { dtype: "int64", rows: made, values: hits.ids };
          return includeDistances ? [ids, { dtype: "float32", rows: made, values: hits.distances }] : [ids];
        };
        if (rows.count === 0) return released(columns(noHits(0)), lease);
        const hits = searchBoth(lease, { ...context, inputs, queries, rows: rows.count, k: topk });
        return released(hits instanceof Promise ? hits.then(columns) : columns(hits), lease);
      } catch (error) {
        lease.release();
        throw error;
      }
    },
    close: () => live.close(),
  };
}

/** A vector of length 0 has no cosine, so that no item is near it. */
function withoutRows({ ids, distances, offsets }: FaissHits, rows: ReadonlySet<number>): FaissHits {
  const kept: number[] = [];
  const ends = new Int32Array(offsets.length);
  for (let row = 0; row + 1 < offsets.length; row++) {
    if (!rows.has(row)) for (let i = offsets[row]!; i < offsets[row + 1]!; i++) kept.push(i);
    ends[row + 1] = kept.length;
  }
  return {
    ids: BigInt64Array.from(kept, i => ids[i]!),
    distances: Float32Array.from(kept, i => distances[i]!),
    offsets: ends,
  };
}

/** A state is in use until the columns are there. */
function released<T>(found: T | Promise<T>, lease: Lease<StepBase, StepOverlay>): T | Promise<T> {
  if (found instanceof Promise) return found.finally(lease.release);
  lease.release();
  return found;
}

interface Asked extends Pick<RunContext, "signal" | "onSearch"> {
  readonly inputs: InputsOf<"queryFaiss">;
  readonly queries: Float32Array;
  readonly rows: number;
  readonly k: number;
}

function searchBoth(
  { base, overlay }: Lease<StepBase, StepOverlay>,
  { inputs, queries, rows, k: wanted, signal, onSearch }: Asked,
): FaissHits | Promise<FaissHits> {
  const { index, where, texts } = base;
  const left = inputs.exclude?.[0];
  const excluded =
    left &&
    (texts
      ? excludedTexts(left, inputs.input[0].rows, placesOf(base, overlay))
      : excludedIds(left, inputs.input[0].rows));
  const k = Math.min(wanted, index.header.ntotal + (overlay?.items.length ?? 0));
  if (k === 0) return noHits(rows);
  const request = { queries, rows, k, excluded, signal };
  if (where) return where.search(inputs.user ?? [], { ...request, onSearch }, overlay?.where);
  if (overlay) return overlay.search(index.search, request);
  return index.search(queries, rows, k, excluded, signal);
}

/** A text's place: in the delta, if it is there, else in the base. */
const placesOf = ({ positionOf }: StepBase, overlay: StepOverlay | undefined) => {
  if (!overlay) return positionOf!;
  return (text: string): number => {
    const place = overlay.positionOf(text);
    return place < 0 ? positionOf!(text) : place;
  };
};

/** @throws RuntimeFault for an id that is not a position of the map */
function textsOf(ids: BigInt64Array, texts: TextIds, overlay: StepOverlay | undefined, file: string): string[] {
  const pairs = words(ids);
  return Array.from({ length: ids.length }, (_, i) => {
    const position = pairs[2 * i]! >>> 0;
    const isPosition = pairs[2 * i + 1] === 0;
    if (isPosition && position < texts.count) return texts.at(position);
    const fresh = isPosition ? overlay?.textAt(position) : undefined;
    if (fresh === undefined)
      throw internal(
        `${file} found the id ${ids[i]}, and its id map has the texts of 0 to ${texts.count - 1}. Build both again.`,
      );
    return fresh;
  });
}

/** Rules out everything that would make FAISS throw. @throws RuntimeFault */
function checkQueries(
  { dtype, values, rows, width, offsets }: Column,
  name: string,
  { dimension, longestQuery }: FaissHeader,
  ofAnyLength: boolean,
): void {
  if (dtype !== "float32" || offsets || (width ?? 1) !== dimension)
    throw invalid(
      `column \`${name}\` holds ${offsets ? `lists of ${dtype}` : `${dtype}[${width ?? 1}]`} and the index float32[${dimension}]. Build the index with the same tower.`,
    );
  const queries = values as Float32Array;
  checkFinite(name, queries, dimension);
  const long = ofAnyLength ? -1 : longRow(queries, dimension, longestQuery);
  if (long >= 0)
    throw invalid(
      `column \`${name}\` holds at row ${long} a vector longer than ${longestQuery.toPrecision(3)}: float32 can not hold its distances. Scale the vectors, or look at the tower's inputs for that row.`,
    );
  if (queries.length !== rows.count * dimension)
    throw internal(`column \`${name}\` holds ${queries.length} numbers for ${rows.count} rows of ${dimension}.`);
}
