import { ensemble, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true, onMissing: "null" });
const query = user >> transformWorkflow("etl/user") >> predictOnnx("models/query_tower.onnx");
const found = query["query_embedding"] >> queryFaiss("index/items.faiss", { topk: 100, includeDistances: true });
const [ids, scores] = [found["candidate_ids"], found["candidate_distances"]];
// BLOCK

export default ensemble("recommend", ordering);
