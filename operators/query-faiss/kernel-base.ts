/** The index of a step, and its delta: opened, checked against the plan, and replaced while both change. */
import { deltaFile } from "../../contract/files/delta-path.js";
import type { Step } from "../../contract/plan.js";
import { readTextIds, type TextIds, textIdsFile } from "../../formats/faiss/text-ids.js";
import { invalid, RuntimeFault } from "../../runtime/base/errors.js";
import type { KernelContext } from "../../runtime/engine/schedule/kernel.js";
import type { DeltaId } from "../../runtime/stores/vectors/delta/delta-contents.js";
import { idPositions, ownPositions } from "../../runtime/stores/vectors/delta/id-positions.js";
import { type LiveIndex, openLiveIndex } from "../../runtime/stores/vectors/delta/live-index.js";
import { type Overlay, openOverlay } from "../../runtime/stores/vectors/delta/overlay.js";
import type { ReadDelta } from "../../runtime/stores/vectors/delta/read-delta.js";
import {
  type FilteredIndex,
  type OpenIndex,
  openFilteredIndex,
  openIndex,
} from "../../runtime/stores/vectors/open-index.js";
import { textPositions } from "../../runtime/stores/vectors/text-positions.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { openWhere, type WhereOverlay, type WhereSearch } from "./kernel-where.js";

export interface StepBase {
  /** For messages. */
  readonly file: string;
  readonly index: OpenIndex | FilteredIndex;
  readonly texts: TextIds | undefined;
  readonly where: WhereSearch | undefined;
  /** The position of a text, or −1; there if the step excludes texts, or the index has a delta. */
  readonly positionOf: ((text: string) => number) | undefined;
  close(): Promise<void>;
}

export interface StepOverlay extends Overlay {
  readonly where: WhereOverlay | undefined;
}

/** @throws RuntimeFault for an index or a delta that is not the plan's, naming the file */
export function openStepIndex(
  step: Step<"queryFaiss">,
  context: KernelContext,
): Promise<LiveIndex<StepBase, StepOverlay>> {
  const index = artefactFile(context.folder, step.artefacts.index);
  const delta = deltaFile(index);
  return openLiveIndex<StepBase, StepOverlay>({
    index,
    delta,
    openBase: async (file, found) => {
      if (found) checkHeader(found, step, delta);
      return openBase(step, file, file === index, found, context);
    },
    openOverlay: async (base, { contents }, before) => {
      const next = before
        ? await before.next(contents)
        : await openOverlay(
            { header: base.index.header, positionsOf: await positionsOf(base) },
            base.texts !== undefined,
            contents,
            delta,
          );
      return { ...next, where: base.where?.overlay(next, delta) };
    },
  });
}

/** Positions of ids: of texts always, of integers only where a filter needs them. */
async function positionsOf({
  where,
  index,
  positionOf,
}: StepBase): Promise<((id: DeltaId) => readonly number[]) | undefined> {
  if (positionOf)
    return id => {
      const position = positionOf(id as string);
      return position < 0 ? [] : [position];
    };
  if (!where) return undefined;
  const { ids } = index as FilteredIndex;
  if (ids) return (await idPositions(ids)) as (id: DeltaId) => readonly number[];
  return ownPositions(index.header.ntotal);
}

/** A delta says what it was made for before the base is opened. */
function checkHeader({ header }: ReadDelta, step: Step<"queryFaiss">, delta: string): void {
  const wanted = step.outputs[0]?.dtype;
  if (header.ids !== wanted)
    throw invalid(
      `${delta} has ${header.ids} ids, and the plan says ${wanted}. Apply the changes to the index of this plan.`,
    );
}

async function openBase(
  step: Step<"queryFaiss">,
  file: string,
  isBuilt: boolean,
  delta: ReadDelta | undefined,
  context: KernelContext,
): Promise<StepBase> {
  const { nprobe, efSearch } = step.params;
  const index = step.params.where
    ? await openFilteredIndex(file, { nprobe, efSearch }, context.isTrusted)
    : await openIndex(file, { nprobe, efSearch }, "fastest", context.isTrusted);
  try {
    checkIndex(step, file, index, delta, context);
    const { ids } = step.artefacts;
    const texts =
      ids && openTexts(isBuilt ? artefactFile(context.folder, ids) : textIdsFile(file), file, index, context);
    const declared = step.outputs[0]?.dtype;
    if (declared !== (texts ? "string" : "int64"))
      throw invalid(
        `${file} ${texts ? "has an id map and answers texts" : "answers int64 ids"}, and the plan says ${declared}. Build the ensemble again.`,
      );
    const positionOf = texts && (delta || step.inputs.exclude) ? await textPositions(texts) : undefined;
    const where =
      step.params.where && "searchAmong" in index
        ? await openWhere(step, file, index as FilteredIndex, texts, context, delta?.contents.kept)
        : undefined;
    return {
      file,
      index,
      texts,
      where,
      positionOf,
      close: async () => {
        where?.close();
        await index.close();
      },
    };
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** Checked when it is opened, so that an index of the wrong tower does not replace the old one. */
function checkIndex(
  step: Step<"queryFaiss">,
  file: string,
  { header: { dimension, metric } }: OpenIndex,
  delta: ReadDelta | undefined,
  context: KernelContext,
): void {
  const ref = step.inputs.input[0];
  const width = context.schemaOf?.(ref)?.list?.max;
  if (width != null && width !== dimension)
    throw invalid(
      `${file} has vectors of ${dimension} numbers, and column \`${ref.name}\` holds float32[${width}]. Build the index with the same tower.`,
    );
  if (delta && (delta.header.dimension !== dimension || delta.header.metric !== metric))
    throw invalid(
      `the delta of ${file} has vectors of ${delta.header.dimension} numbers (${delta.header.metric}), and the index of ${dimension} (${metric}). Remove the delta, or restore the index.`,
    );
}

/** The map of an index. @throws RuntimeFault naming the map */
function openTexts(map: string, file: string, index: OpenIndex, { isTrusted = () => false }: KernelContext): TextIds {
  try {
    // A manifest that lists both was written when they belonged together.
    return readTextIds(map, { index: file, ntotal: index.header.ntotal, isKnown: isTrusted(map) && isTrusted(file) });
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    throw invalid((error as Error).message, { cause: error });
  }
}
