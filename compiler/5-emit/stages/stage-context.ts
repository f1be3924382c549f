/** Facts about a plan's columns that its stages share, and the tensors of a column in a stage. */
import { configOf, stageColumn, type TensorConfig } from "../../../contract/column-tensors.js";
import type { Cut } from "../ensemble/cut.js";
import type { Place } from "../ensemble/refs.js";
import type { Settings } from "../settings/read-settings.js";
import type { RowSets } from "./row-sets.js";

export interface StageContext {
  readonly cut: Cut;
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
  { cut, isMatrix, mayBeNull }: Pick<StageContext, "cut" | "isMatrix" | "mayBeNull">,
  place: Place,
  name: string,
): readonly StageTensor[] {
  const col = cut.column(place);
  const how = { nullable: mayBeNull(place), matrix: isMatrix(place) };
  const outside = stageColumn({ ...col, name: cut.nameOf(place) }, how);
  return stageColumn({ ...col, name }, how).map((one, i) => ({ config: configOf(one), ensemble: outside[i]!.name }));
}

/** The tensor of the ensemble that has the values of a column. */
export const valuesTensor = ({ cut }: Pick<StageContext, "cut">, place: Place): string =>
  stageColumn({ ...cut.column(place), name: cut.nameOf(place) })[0]!.name;
