/** A kind of ensemble: how each step of a plan becomes models. Everything else is the same for all kinds. */
import type { FittedStep } from "../../../contract/plan.js";
import type { ModelConfigInit } from "../../../triton-protos/model-config.js";
import type { RepositoryModel } from "../repository-model.js";

/** A model of the ensemble and its tensors: the model's name → the ensemble's. */
export interface Stage {
  readonly model: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  /** Undefined where an ONNX model of the author's is the stage. */
  readonly made?: RepositoryModel;
}

export interface StepStages {
  /** In the order in which they run. */
  readonly stages: readonly Stage[];
  /** The last of them makes the answers of the ensemble. */
  readonly answers: boolean;
}

export interface Target {
  /** Further fields of the entry's configuration. */
  readonly entry: Omit<ModelConfigInit, "name">;
  /** Calls `work` for each step in order. @throws Error for those that have no model, at once or together */
  eachStep(steps: readonly FittedStep[], work: (step: FittedStep) => void): void;
  /** @param last whether it is the last step, so that its model may have the outputs */
  step(step: FittedStep, last: boolean): StepStages;
  /** The stage that writes the answers in their form, if the last step's does not. */
  answer(): Stage;
}
