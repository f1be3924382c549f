/** An index with its changes, searched once and not watched: the results are those of a server that has read the same delta. */
import { existsSync } from "node:fs";
import { deltaFile } from "../../../contract/files/delta-path.js";
import { currentBase } from "../../../formats/delta/delta-base.js";
import { type FaissHeader, readFaissHeaderFile, type SearchParameters } from "../../../formats/faiss/faiss.js";
import { readTextIds, type TextIds, textIdsFile } from "../../../formats/faiss/text-ids.js";
import { invalid } from "../../base/errors.js";
import type { DeltaId } from "../../stores/vectors/delta/delta-contents.js";
import { openLiveIndex } from "../../stores/vectors/delta/live-index.js";
import { type Overlay, openOverlay } from "../../stores/vectors/delta/overlay.js";
import type { ReadDelta } from "../../stores/vectors/delta/read-delta.js";
import { type OpenIndex, openIndex } from "../../stores/vectors/open-index.js";
import { textPositions } from "../../stores/vectors/text-positions.js";

export interface Hit {
  readonly id: DeltaId;
  readonly distance: number;
}

export interface ChangedIndex {
  readonly header: FaissHeader;
  /** @param queries vectors of the index's dimension, one after the other @returns the best `k` of each, or all if there are fewer */
  search(queries: Float32Array, k: number): Promise<readonly (readonly Hit[])[]>;
  close(): Promise<void>;
}

interface Base {
  readonly index: OpenIndex;
  readonly texts: TextIds | undefined;
  close(): Promise<void>;
}

/** @param index a FAISS file @param isBaseOnly changes are not read @throws Error naming the file */
export async function openChangedIndex(
  index: string,
  parameters: SearchParameters,
  isBaseOnly: boolean,
): Promise<ChangedIndex> {
  if (isBaseOnly) {
    const base = await openBase(currentBase(index), parameters, undefined);
    return changedIndex(base, undefined, base.close);
  }
  const delta = deltaFile(index);
  const live = await openLiveIndex<Base, Overlay>({
    index,
    delta,
    openBase: (file, found) => openBase(file, parameters, found && { ...found, file: delta }),
    openOverlay: async ({ index: { header }, texts }, { contents }, before) => {
      if (before) return before.next(contents);
      const placeOf = texts && (await textPositions(texts));
      const positionsOf =
        placeOf && ((id: DeltaId): readonly number[] => [placeOf(id as string)].filter(place => place >= 0));
      return openOverlay({ header, positionsOf }, texts !== undefined, contents, delta);
    },
  });
  const { base, overlay, release } = live.acquire();
  return changedIndex(base, overlay, async () => {
    release();
    await live.close();
  });
}

async function openBase(
  file: string,
  parameters: SearchParameters,
  delta: (ReadDelta & { readonly file: string }) | undefined,
): Promise<Base> {
  const { ntotal, dimension, metric } = readFaissHeaderFile(file);
  const map = textIdsFile(file);
  const texts = existsSync(map) ? readTextIds(map, { index: file, ntotal }) : undefined;
  const ids = texts ? "string" : "int64";
  if (delta) {
    const { header, file: name } = delta;
    if (header.ids !== ids || header.dimension !== dimension || header.metric !== metric)
      throw invalid(
        `${name} has ${header.ids} ids and vectors of ${header.dimension} numbers (${header.metric}), and ${file} has ${ids} ids and vectors of ${dimension} (${metric}). Remove the delta, or restore the index.`,
      );
  }
  const index = await openIndex(file, parameters);
  return { index, texts, close: () => index.close() };
}

function changedIndex({ index, texts }: Base, overlay: Overlay | undefined, close: () => Promise<void>): ChangedIndex {
  const { header } = index;
  const { ntotal, dimension } = header;
  const idOf = (id: bigint): DeltaId => {
    if (!texts) return id;
    const position = Number(id);
    return position < ntotal ? texts.at(position) : overlay!.textAt(position)!;
  };
  return {
    header,
    search: async (queries, wanted) => {
      const rows = queries.length / dimension;
      const k = Math.min(wanted, ntotal + (overlay?.items.length ?? 0));
      if (k === 0 || rows === 0) return Array.from({ length: rows }, () => []);
      const request = { queries, rows, k, excluded: undefined, signal: undefined };
      const { ids, distances, offsets } = await (overlay
        ? overlay.search(index.search, request)
        : index.search(queries, rows, k));
      return Array.from({ length: rows }, (_, row) =>
        Array.from(ids.subarray(offsets[row]!, offsets[row + 1]!), (id, i) => ({
          id: idOf(id),
          distance: distances[offsets[row]! + i]!,
        })),
      );
    },
    close,
  };
}
