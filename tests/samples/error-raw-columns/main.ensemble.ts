import { ensemble, predictOnnx, source } from "merlon";

const request = source({ age: "int64", city: "string" });
const query = request >> predictOnnx("../artefacts/models/query_tower.onnx");

export default ensemble("x", query);
