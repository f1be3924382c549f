/**
 * `--mock-missing`: a mock stands in for every backend, model file and store that isn't here, so that any team's repository can be served
 * without its models. What is here is served as it is.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Around } from "../../repository/around.js";
import { UnknownBackend } from "../index.js";

/** The file without which a model of that backend can't be served. */
const FILES: Readonly<Record<string, (config: ModelConfig) => string>> = {
  onnxruntime: config => config.default_model_filename || "model.onnx",
  javascript: config => config.default_model_filename || "model.mjs",
  merlon: () => "plan.json",
};

/** @param told hears of each model that a mock stands in for, and why */
export const mockMissing = (told: (model: string, reason: string) => void = () => {}): Around => ({
  assume: "mock",
  async backend({ config, folder }, choose) {
    const mock = async (reason: string) => {
      told(config.name, reason);
      return (await import("../mock.js")).mockBackend;
    };
    try {
      const chosen = await choose();
      const file = config.platform === "ensemble" ? undefined : FILES[config.backend]?.(config);
      const missing = file !== undefined && chosen !== undefined && !(await isThere(join(folder, file)));
      // A stand-in written in JavaScript is here, whatever file it stands in for.
      if (!missing || (await isThere(join(folder, "model.mjs")))) return chosen;
      return await mock(`${file} is not in its folder`);
    } catch (error) {
      if (error instanceof UnknownBackend) return mock(`backend '${config.backend}' is not part of this server`);
      throw error;
    }
  },
});

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
