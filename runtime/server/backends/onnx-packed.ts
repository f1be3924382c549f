/**
 * A model with shared weights → its optimized graph, with the weights in a shared file as ONNX Runtime's kernels pack them. Each session of the
 * model itself packs large matrices for itself, which are then in memory once for each process. A session packs them here, too. It
 * compares sums, and uses a mapped matrix only if it is equal.
 */
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import type * as ort from "onnxruntime-node";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { type SharedFile, sharedFileSync } from "../../base/shared/shared-file.js";
import { installedVersion } from "../../base/version-floors.js";
import { findBinding } from "./onnx-binding.js";
import { appendModel, LEAST, modelIn, type SharedModel, WEIGHTS } from "./onnx-shared.js";

type Options = ort.InferenceSession.SessionOptions;

/** The file has each matrix as it was and packed; a graph whose folded constants take far more is not written. */
const MOST_TIMES = 4;

/**
 * @param file the model, with its weights beside it
 * @param weights the files beside it: all of them, and shared
 * @param options of its sessions, which run on the CPU
 * @returns undefined if it can't be shared, or is not to be optimized
 */
export function packedModel(file: string, weights: readonly SharedFile[], options: Options): SharedModel | undefined {
  if (options.graphOptimizationLevel === "disabled") return undefined;
  const graph = createHash("sha256").update(readFileSync(file)).digest("hex");
  const size = weights.reduce((sum, { bytes }) => sum + bytes.length, 0);
  // Packed matrices are of one release and one kind of processor.
  const made = `${installedVersion("onnxruntime-node")} ${cpus()[0]?.model} ${options.graphOptimizationLevel}`;
  const packed = sharedFileSync({
    key: `onnx packed 1 ${made} ${graph} ${weights.map(({ path }) => basename(path)).join(" ")}`,
    size: 2 * size,
    write: (to, path) => writePacked(file, { to, path, most: MOST_TIMES * size }, options),
  });
  return packed && { model: modelIn(packed.bytes), weights: packed };
}

/** @throws Error with ONNX Runtime's text, or if the file would have more than `most` bytes */
function writePacked(
  file: string,
  { to, path, most }: { to: number; path: string; most: number },
  options: Options,
): void {
  const folder = new TemporaryFolder("weights");
  try {
    const model = saveOptimized(file, folder.path, options);
    const weights = join(folder.path, WEIGHTS);
    const { size } = statSync(weights);
    if (size > most) throw new Error("its folded constants are large");
    copyFileSync(weights, path);
    appendModel(to, [readFileSync(model)], size);
  } finally {
    folder.disposeSync();
  }
}

/**
 * Writes a model's graph as a session on the CPU optimizes it, and large weights beside it.
 * @param folder of the new files @returns the new model; sessions of it must not optimize again @throws Error with ONNX Runtime's text
 */
export function saveOptimized(file: string, folder: string, options: Options): string {
  const model = join(folder, "model.onnx");
  const session = new (findBinding()!)();
  session.loadModel(file, {
    ...options,
    optimizedModelFilePath: model,
    extra: {
      session: {
        optimized_model_external_initializers_file_name: WEIGHTS,
        optimized_model_external_initializers_min_size_in_bytes: String(LEAST),
        save_external_prepacked_constant_initializers: "1",
      },
    },
  });
  session.dispose();
  return model;
}
