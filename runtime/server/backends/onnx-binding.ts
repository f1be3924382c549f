/**
 * ONNX Runtime's native part, opened without the JavaScript of its package.
 */
import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import type { Binding } from "onnxruntime-node/dist/binding.js";
import { Tensor } from "./onnx-tensor.js";

type Module = typeof import("onnxruntime-node/dist/binding.js");

/** `onnxruntime_binding.node` of the package's 1.30; the module beside it has the path of another version. */
const NATIVE = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`;
const MODULE = "onnxruntime-node/dist/binding.js";
/** Warnings, as the package has it; sessions have a level of their own. */
const LOG_LEVEL = 2;

let looked = false;
let found: Binding.InferenceSessionConstructor | undefined;

/** @returns undefined where the package's inside is not as it was, or there is none */
export function findBinding(): Binding.InferenceSessionConstructor | undefined {
  if (looked) return found;
  looked = true;
  const require = createRequire(import.meta.url);
  for (const open of [
    () => {
      const native = require(NATIVE) as Module["binding"];
      native.initOrtOnce(LOG_LEVEL, Tensor, isMainThread);
      return native.InferenceSession;
    },
    () => {
      const { binding, initOrt } = require(MODULE) as Module;
      initOrt();
      return binding.InferenceSession;
    },
  ])
    try {
      found ??= open();
    } catch {
      // The next way remains, and at last the package's own.
    }
  return found;
}
