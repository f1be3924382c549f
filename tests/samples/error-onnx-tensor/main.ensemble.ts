import { ensemble, predictOnnx, source } from "merlon";

const request = source({ price: "float32", scores: "float32[2]", item_id: "int64" });
const half = request >> predictOnnx("../artefacts/models/bfloat16.onnx");
const maps = request >> predictOnnx("../artefacts/models/zip_map.onnx");
const weights = request >> predictOnnx("../artefacts/models/without_data.onnx");

export default ensemble("x", half + maps + weights);
