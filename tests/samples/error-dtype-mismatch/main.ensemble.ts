import { ensemble, predictOnnx, queryFeast, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int32", item_id: "string", age: "float32", city: "int64" });
const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features" });
const scores = request >> predictOnnx("../artefacts/models/ranker.onnx");
const vector = request[["age", "city"]] >> transformWorkflow("../artefacts/etl/user");

export default ensemble("x", user + scores + vector);
