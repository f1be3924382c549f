/**
 * The backend that serves a model: its `backend`, or the ensemble scheduler's.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";

export const backendOf = ({ backend, platform }: ModelConfig): string =>
  platform === "ensemble" ? "ensemble" : backend;
