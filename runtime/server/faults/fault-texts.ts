/**
 * Triton's texts of failures: model and code → the text of its backend or scheduler.
 */
import { join } from "node:path";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, RuntimeFault, type StatusCode } from "../../base/errors.js";
import { cancelled, timedOut } from "../scheduling/refusals.js";

const REASON = "failed on purpose";

/** The failure of a backend: ONNX Runtime's and the Python backend's have forms of their own. */
export function executionFault(
  code: StatusCode,
  message: string | undefined,
  config: Pick<ModelConfig, "name" | "backend">,
): RuntimeFault {
  if (message !== undefined) return new RuntimeFault(code, message);
  if (code === "UNAVAILABLE") return timedOut();
  if (code === "CANCELLED") return cancelled();
  if (code === "DEADLINE_EXCEEDED") return new RuntimeFault(code, "Deadline Exceeded");
  if (code === "INTERNAL" && config.backend === "onnxruntime")
    return new RuntimeFault(
      code,
      `onnx runtime error 6: Non-zero status code returned while running MatMul node. Name:'' Status Message: ${REASON}`,
    );
  if (code === "INTERNAL" && config.backend === "python")
    return new RuntimeFault(
      code,
      `Failed to process the request(s) for model '${config.name}_0_0', message: RuntimeError: ${REASON}\n\nAt:\n  ${config.name}/1/model.py(16): execute\n`,
    );
  return new RuntimeFault(code, REASON);
}

/** A model file that can't be read. */
export const loadFault = (text: string | true, { default_model_filename }: ModelConfig, folder: string): RuntimeFault =>
  internal(text === true ? `failed to stat file ${join(folder, default_model_filename || "model.onnx")}` : text);
