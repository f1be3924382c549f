/**
 * The tensor of ONNX Runtime. The bundle has this class alone, from onnxruntime-common: the package around it is some thirty files, which a start would
 * read and compile (`scripts/bundle.mjs`).
 */
export { Tensor } from "onnxruntime-node";
