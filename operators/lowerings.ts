/** Every operator's ONNX half, or the decision that it has none. An operator without either does not compile. */
import type { OpKind } from "../contract/op-params.js";
import type { FittedStep } from "../contract/plan.js";
import { LOWERINGS as CATALOGUE } from "./gen/lowerings.js";
import { forestStage } from "./predict-forest/onnx.js";
import { onnxStage } from "./predict-onnx/onnx.js";
import type { Lowering, ModelStage, NotLowered, StageOfModel } from "./shared/onnx/lowering.js";

export const LOWERINGS = CATALOGUE satisfies { readonly [K in OpKind]: Lowering<K> | NotLowered } as {
  readonly [K in OpKind]: Lowering<K> | NotLowered;
};

const MODEL_STAGES: { readonly [K in OpKind]?: StageOfModel<K> } = {
  predictForest: forestStage,
  predictOnnx: onnxStage,
};

/** @returns undefined for a step that runs no model of a user's */
export const modelStageOf = (step: FittedStep): ModelStage | undefined =>
  (MODEL_STAGES[step.op] as StageOfModel<OpKind> | undefined)?.(step);
