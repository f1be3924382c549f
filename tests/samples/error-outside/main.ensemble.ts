import { ensemble, predictOnnx, queryFaiss, source } from "merlon";

const request = source({ item_id: "int64", age: "float32", query: "float32[4]" });
const scores = request >> predictOnnx("/srv/models/ranker.onnx");
const near = request["query"] >> queryFaiss("../../../../index/items.faiss");

export default ensemble("x", scores + near);
