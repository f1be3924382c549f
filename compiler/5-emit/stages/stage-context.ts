/** Facts about a plan's columns that its stages share, and the tensors of a column in a stage. */
import { configOf, stageColumn, type TensorConfig } from "../../../contract/column-tensors.js";
import type { Place } from "../ensemble/refs.js";
import type { StageSplit } from "../ensemble/split-into-stages.js";
import type { Settings } from "../settings/read-settings.js";
import type { RowSets } from "./row-sets.js";

export interface StageContext {
  readonly split: StageSplit;
  readonly rows: RowSets;
  mayBeNull(ref: Place): boolean;
  /** Whether a scalar travels as [n, 1]. */
  isMatrix(ref: Place): boolean;
  readonly instanceGroups: Settings["instanceGroups"];
}

/** A tensor of a stage, and its name in the ensemble. */
export interface StageTensor {
  readonly config: TensorConfig;
  readonly ensemble: string;
}

/** @param name of the column in the stage */
export function stageTensors(
  { split, isMatrix, mayBeNull }: Pick<StageContext, "split" | "isMatrix" | "mayBeNull">,
  place: Place,
  name: string,
): readonly StageTensor[] {
  const col = split.column(place);
  const how = { nullable: mayBeNull(place), matrix: isMatrix(place) };
  const outside = stageColumn({ ...col, name: split.nameOf(place) }, how);
  return stageColumn({ ...col, name }, how).map((one, i) => ({ config: configOf(one), ensemble: outside[i]!.name }));
}

/** The tensor of the ensemble that has the values of a column. */
export const valuesTensor = ({ split }: Pick<StageContext, "split">, place: Place): string =>
  stageColumn({ ...split.column(place), name: split.nameOf(place) })[0]!.name;
