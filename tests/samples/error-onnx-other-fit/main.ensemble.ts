import { ensemble, predictOnnx, source, transformWorkflow } from "merlon";

const request = source({ age: "float32", city: "string" });
const user = request >> transformWorkflow("../artefacts/etl/user");
const query = user >> predictOnnx("../artefacts/models/trained.onnx");

export default ensemble("x", query);
