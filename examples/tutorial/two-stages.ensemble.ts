/** Two stages: a hundred products near the customer, and the ten of them that are most likely bought. */
import { ensemble, predictOnnx, queryFaiss, queryFeast, source, topK, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true, onMissing: "null" });
const query = user >> transformWorkflow("etl/pairs", { subgraph: "customer" }) >> predictOnnx("models/towers/query_tower.onnx");
const retrieval = query["query_embedding"] >> queryFaiss("index/items.faiss", { topk: 100 });
const items = retrieval["candidate_ids"] >> queryFeast("features", { view: "item_features", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", user[["user_id", "favourite_brand", "favourite_category", "mean_price", "event_count"]]);
const ranking = pairs >> transformWorkflow("etl/ranking") >> predictOnnx("models/ranker/model.onnx");

export default ensemble("two_stages", pairs["item_id"] >> topK(ranking["purchase/binary_output"], { topk: 10 }));
