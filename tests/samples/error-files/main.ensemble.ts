import { ensemble, predictOnnx, queryFaiss, queryFeast, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", age: "float32", city: "string", x: "float32[2]" });

// Nothing was built into the index, or materialized into the store.
const none = request["query"] >> queryFaiss("../artefacts/index/empty.faiss");
const user = request["user_id"] >> queryFeast("../artefacts/features-unfilled", { view: "user_features" });

// The index is of other items than the view, whatever becomes of an unknown one.
const near = request["query"] >> queryFaiss("../artefacts/index/other-items.faiss", { topk: 5 });
const items = near >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", onMissing: "drop" });

// Fewer rows in the model's table than ids in the workflow's vocabulary, raw columns for a model, and files of PyTorch.
const small = request >> transformWorkflow("../artefacts/etl/user") >> predictOnnx("../artefacts/models/small_table.onnx");
const raw = request[["user_id"]] >> predictOnnx("../artefacts/models/query_tower.onnx");
const state = request["x"] >> predictOnnx("../artefacts/models/state.pt");
const script = request["x"] >> predictOnnx("../artefacts/models/scripted.pt");

export default ensemble("recommend", items + user + none + small + raw + state + script);
