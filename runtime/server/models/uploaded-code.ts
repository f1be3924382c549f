/**
 * Whether a load request may bring or choose code. A server runs the code that its operator put on disk; a client's request brings data, unless the
 * operator allows more with `--allow-model-code-upload`.
 */
import { posix } from "node:path";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Override } from "./override.js";

/**
 * The code that a version may run. `all`: the configuration and the files are the operator's. `disk`: a request brought the configuration
 * and the model's backend on disk is the same. `none`: any other.
 */
export type CodeRule = "all" | "disk" | "none";

/** Endings of files that backends read as data. Everything else might be code for some reader, or name other resources as a feature store does. */
const DATA = new Set([
  "",
  ".arrow",
  ".bin",
  ".csv",
  ".data",
  ".faiss",
  ".f32",
  ".i64",
  ".index",
  ".json",
  ".npy",
  ".npz",
  ".onnx",
  ".onnx_data",
  ".ort",
  ".parquet",
  ".pb",
  ".pbtxt",
  ".plan",
  ".raw",
  ".safetensors",
  ".txt",
  ".weights",
]);

/** The client gets the text itself, and not that of a failed poll. */
export class CodeRefused extends RuntimeFault {}

const FLAG = "--allow-model-code-upload";

/** @throws RuntimeFault naming the first file that might be code, and the flag */
export function refuseCodeFiles(model: string, files: Override["files"]): void {
  for (const path of files.keys())
    if (!DATA.has(posix.extname(posix.basename(path)).toLowerCase()))
      throw new CodeRefused(
        "INVALID_ARGUMENT",
        `file parameter 'file:${path}' of model '${model}' may be code, which backends do not read as data; start the server with ${FLAG} to accept it`,
      );
}

/** Backends that run code of the model's folder. */
const RUNS_CODE = new Set(["javascript", "python"]);

/**
 * @param onDisk the configuration that the folder has without the request; undefined if the request brought the folder
 * @throws RuntimeFault if the request's configuration chooses code that the one on disk does not
 */
export function codeRule(config: ModelConfig, onDisk: ModelConfig | undefined): CodeRule {
  const same = onDisk?.backend === config.backend && onDisk.default_model_filename === config.default_model_filename;
  if (RUNS_CODE.has(config.backend) && !same)
    throw new CodeRefused(
      "INVALID_ARGUMENT",
      `the load request chooses backend '${config.backend}' for model '${config.name}', which runs code${onDisk ? ` that its configuration on disk does not choose` : ""}; start the server with ${FLAG} to accept it`,
    );
  if (config.model_operations?.op_library_filename.length)
    throw new CodeRefused(
      "INVALID_ARGUMENT",
      `the load request names libraries in 'model_operations.op_library_filename' for model '${config.name}'; start the server with ${FLAG} to accept it`,
    );
  return same ? "disk" : "none";
}

/** Names the module that answers in place of the backend; read from `config.pbtxt` on disk alone. */
export const STAND_IN_PARAMETER = "merlon_stand_in";
