/**
 * One query vector per row → the `topk` nearest items of each row, best first, as child rows; a row gets fewer when fewer are found. Ids that
 * `exclude` lists for the row are searched past. If the index has an id map, ids are its texts, in `exclude` too.
 */
import type { PathInside } from "../../contract/files/path-inside.js";
import type { Step } from "../../contract/plan.js";
import type { FaissHeader } from "../../formats/faiss/faiss.js";
import { readTextIds, type TextIds } from "../../formats/faiss/text-ids.js";
import { type Column, childRows } from "../../runtime/base/columns/table.js";
import { words } from "../../runtime/base/columns/words.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { InputsOf, Kernel, KernelContext, PreparedKernel } from "../../runtime/engine/schedule/kernel.js";
import { excludedIds } from "../../runtime/stores/vectors/excluded-ids.js";
import {
  type FilteredIndex,
  type OpenIndex,
  openFilteredIndex,
  openIndex,
} from "../../runtime/stores/vectors/open-index.js";
import type { FaissHits } from "../../runtime/stores/vectors/protocol.js";
import { excludedTexts, textPositions } from "../../runtime/stores/vectors/text-positions.js";
import { longRow, toUnitLength } from "../../runtime/stores/vectors/unit-length.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { openWhere } from "./kernel-where.js";

export const queryFaiss: Kernel<"queryFaiss"> = {
  prepare: async (step, context) => {
    const { nprobe, efSearch } = step.params;
    const file = artefactFile(context.folder, step.artefacts.index);
    const index = step.params.where
      ? await openFilteredIndex(file, { nprobe, efSearch }, context.isTrusted)
      : await openIndex(file, { nprobe, efSearch }, "fastest", context.isTrusted);
    try {
      return await prepareSearch(step, file, index, context);
    } catch (error) {
      await index.close();
      throw error;
    }
  },
};

/** @throws RuntimeFault for an index that is not the plan's; it stays open */
async function prepareSearch(
  step: Step<"queryFaiss">,
  file: string,
  index: OpenIndex | FilteredIndex,
  context: KernelContext,
): Promise<PreparedKernel<InputsOf<"queryFaiss">>> {
  const { normalize } = step.params;
  const ref = step.inputs.input[0];
  const { name } = ref;
  // Checked now, so that an index of the wrong tower does not replace the old one.
  const width = context.schemaOf?.(ref)?.list?.max;
  const { dimension } = index.header;
  if (width != null && width !== dimension)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `${file} has vectors of ${dimension} numbers, and column \`${name}\` holds float32[${width}]. Build the index with the same tower.`,
    );
  const mapped = step.artefacts.ids;
  const texts = mapped && openTexts(mapped, file, index, context);
  const declared = step.outputs[0]?.dtype;
  if (declared !== (texts ? "string" : "int64"))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `${file} ${texts ? "has an id map and answers texts" : "answers int64 ids"}, and the plan says ${declared}. Build the ensemble again.`,
    );
  const positionOf = texts && step.inputs.exclude ? await textPositions(texts) : undefined;
  const k = Math.min(step.params.topk, index.header.ntotal);
  const where =
    step.params.where && "searchAmong" in index ? await openWhere(step, file, index, texts, context) : undefined;
  return {
    run: (inputs, { signal, onSearch }) => {
      const query = inputs.input[0];
      const { rows } = query;
      checkQueries(query, name, index.header, normalize === true);
      const given = query.values as Float32Array;
      const queries = normalize ? new Float32Array(given) : given;
      if (normalize) toUnitLength(queries, dimension);
      const columns = (hits: FaissHits): Column[] => {
        const made = childRows(rows, hits.offsets);
        const ids: Column = texts
          ? { dtype: "string", rows: made, values: textsOf(hits.ids, texts, file) }
          : { dtype: "int64", rows: made, values: hits.ids };
        return step.params.includeDistances ? [ids, { dtype: "float32", rows: made, values: hits.distances }] : [ids];
      };
      if (rows.count === 0 || k === 0) return columns(noHits(rows.count));
      const left = inputs.exclude?.[0];
      const excluded = left && (positionOf ? excludedTexts(left, rows, positionOf) : excludedIds(left, rows));
      const hits = where
        ? where.search(inputs.user ?? [], { queries, rows: rows.count, k, excluded, signal, onSearch })
        : index.search(queries, rows.count, k, excluded, signal);
      return hits instanceof Promise ? hits.then(columns) : columns(hits);
    },
    close: () => {
      where?.close();
      return index.close();
    },
  };
}

/** The map of an index. @throws RuntimeFault naming the map */
function openTexts(
  mapped: PathInside,
  file: string,
  index: OpenIndex,
  { folder, isTrusted = () => false }: KernelContext,
): TextIds {
  try {
    const map = artefactFile(folder, mapped);
    // A manifest that lists both was written when they belonged together.
    return readTextIds(map, { index: file, ntotal: index.header.ntotal, isKnown: isTrusted(map) && isTrusted(file) });
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw new RuntimeFault("INVALID_ARGUMENT", (error as Error).message, { cause: error });
  }
}

/** @throws RuntimeFault for an id that is not a position of the map */
function textsOf(ids: BigInt64Array, texts: TextIds, file: string): string[] {
  const pairs = words(ids);
  return Array.from({ length: ids.length }, (_, i) => {
    const position = pairs[2 * i]! >>> 0;
    if (pairs[2 * i + 1] !== 0 || position >= texts.count)
      throw new RuntimeFault(
        "INTERNAL",
        `${file} found the id ${ids[i]}, and its id map has the texts of 0 to ${texts.count - 1}. Build both again.`,
      );
    return texts.at(position);
  });
}

const noHits = (rows: number): FaissHits => ({
  ids: new BigInt64Array(0),
  distances: new Float32Array(0),
  offsets: new Int32Array(rows + 1),
});

/** Rules out everything that would make FAISS throw. @throws RuntimeFault */
function checkQueries(
  { dtype, values, rows, width, offsets }: Column,
  name: string,
  { dimension, longestQuery }: FaissHeader,
  ofAnyLength: boolean,
): void {
  if (dtype !== "float32" || offsets || (width ?? 1) !== dimension)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${name}\` holds ${offsets ? `lists of ${dtype}` : `${dtype}[${width ?? 1}]`} and the index float32[${dimension}]. Build the index with the same tower.`,
    );
  const queries = values as Float32Array;
  for (let i = 0; i < queries.length; i++)
    if (!Number.isFinite(queries[i]!))
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `column \`${name}\` holds ${queries[i]} at row ${Math.floor(i / dimension)}, place ${i % dimension}: no query can be made of it. Look at the tower's inputs for that row.`,
      );
  const long = ofAnyLength ? -1 : longRow(queries, dimension, longestQuery);
  if (long >= 0)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `column \`${name}\` holds at row ${long} a vector longer than ${longestQuery.toPrecision(3)}: float32 can not hold its distances. Scale the vectors, or look at the tower's inputs for that row.`,
    );
  if (queries.length !== rows.count * dimension)
    throw new RuntimeFault(
      "INTERNAL",
      `column \`${name}\` holds ${queries.length} numbers for ${rows.count} rows of ${dimension}.`,
    );
}
