import { ensemble, predictOnnx, queryFaiss, rename, source } from "merlon";

const request = source({ user_id: "int64", age: "float32", query: "float32[4]" });
const candidates = request["query"] >> queryFaiss("../artefacts/index/items.faiss");
const items = candidates >> rename({ name: "item_id" });
const ranking = items + request["age"] >> predictOnnx("../artefacts/models/ranker.onnx");

export default ensemble("x", ranking);
