/**
 * Class names of a model's outputs: configuration and the model's folder → names by output, from the files its outputs name.
 */
import { FILE_LIMITS, readRegularSync } from "../../../contract/files/read-regular.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, unsupported } from "../../base/errors.js";
import { findInside } from "./inside-folder.js";

export type Labels = ReadonlyMap<string, readonly string[]>;

/** @param folder the model's folder, which holds its version directories */
export function readLabels(config: ModelConfig, folder: string): Labels {
  const labels = new Map<string, readonly string[]>();
  for (const { name, label_filename } of config.output) {
    if (!label_filename) continue;
    // Triton puts the path behind the folder, also one that begins with a slash.
    const file = findInside(folder, `./${label_filename}`);
    if (file === undefined)
      throw unsupported(
        `label file path '${folder}/${label_filename}' for output '${name}' in model '${config.name}' is outside model directory`,
      );
    try {
      labels.set(name, readRegularSync(file, FILE_LIMITS.labels).toString().replace(/\n$/, "").split("\n"));
    } catch (error) {
      throw internal(
        `failed to open text file for read ${file}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "No such file or directory" : (error as Error).message}`,
        { cause: error },
      );
    }
  }
  return labels;
}
