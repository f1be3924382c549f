/**
 * The example's ensemble, answering what each stage made, and ordering by score alone: what the reference pipeline is compared with.
 */
import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("../../examples/shop/features", { view: "user_features", includeId: true, onMissing: "null" });
const query = user >> transformWorkflow("../../examples/shop/etl/user") >> predictOnnx("../../examples/shop/models/query_tower.onnx");
const retrieval = query["query_embedding"] >> queryFaiss("../../examples/shop/index/items.faiss", { topk: 100 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering["filtered_ids"] >> queryFeast("../../examples/shop/features", { view: "item_features", includeId: true, prefix: "item" });
const profile = user[["user_id", "favourite_brand", "favourite_category", "mean_price", "event_count"]];
const pairs = items >> unrollFeatures("item_id", profile);
const ranking =
  pairs >> transformWorkflow("../../examples/shop/etl/ranking") >> predictOnnx("../../examples/shop/models/dlrm.onnx", { outputs: { "purchase/binary_output": "scores" } });
const ordering = pairs["item_id"] >> softmaxSampling(ranking["scores"], { topk: 10, mode: "greedy" });

export default ensemble("trace", user["user_id"] + retrieval + filtering + items + ranking + ordering);
