// Merlin's "workflow → model": features of the request through a fitted workflow into a model.
import { ensemble, predictOnnx, source, transformWorkflow } from "merlon";

const request = source({ age: "float32", city: "string" });
const query = request >> transformWorkflow("../artefacts/etl/user") >> predictOnnx("../artefacts/models/query_tower.onnx");

export default ensemble("workflow_model", query);
