/** Threads of the ONNX models in a repository. */
import { statSync } from "node:fs";
import { ONE_THREAD_BYTES, THREADS_PARAMETER } from "../../contract/onnx-threads.js";
import type { ArtefactFile } from "../../operators/shared/author/define-op.js";
import type { ModelConfigInit } from "../../triton-protos/model-config.js";

interface Model {
  readonly config: ModelConfigInit;
  readonly files: readonly ArtefactFile[];
}

/** @param threads of each instance; undefined leaves it to the server */
export const withThreads = <M extends Model>(model: M, threads: number | undefined): M =>
  threads === undefined
    ? model
    : {
        ...model,
        config: {
          ...model.config,
          parameters: { ...model.config.parameters, [THREADS_PARAMETER]: { string_value: String(threads) } },
        },
      };

/** A stock Triton takes all cores for each instance of each model. So a small model computes in one thread, as under `merlon serve`. */
export const withStockThreads = <M extends Model>(model: M, threads: number | undefined): M =>
  model.config.backend === "onnxruntime"
    ? withThreads(model, threads ?? (bytesOf(model) <= ONE_THREAD_BYTES ? 1 : undefined))
    : model;

const bytesOf = ({ files }: Model): number => files.reduce((sum, file) => sum + sizeOf(file), 0);

function sizeOf(file: ArtefactFile): number {
  if ("bytes" in file) return file.bytes.byteLength;
  return "from" in file ? statSync(file.from).size : 0;
}
