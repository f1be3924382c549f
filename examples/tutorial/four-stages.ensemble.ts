/** Four stages: retrieval, no product that the customer has, ranking, and an order that leaves some room to chance. */
import {
  ensemble,
  filterCandidates,
  predictOnnx,
  queryFaiss,
  queryFeast,
  softmaxSampling,
  source,
  transformWorkflow,
  unrollFeatures,
} from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true, onMissing: "null" });
const query = user >> transformWorkflow("etl/pairs", { subgraph: "customer" }) >> predictOnnx("models/towers/query_tower.onnx");
const retrieval = query["query_embedding"] >> queryFaiss("index/items.faiss", { topk: 100 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering["filtered_ids"] >> queryFeast("features", { view: "item_features", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", user[["user_id", "favourite_brand", "favourite_category", "mean_price", "event_count"]]);
const ranking = pairs >> transformWorkflow("etl/ranking") >> predictOnnx("models/ranker/model.onnx");

export default ensemble("four_stages", pairs["item_id"] >> softmaxSampling(ranking["purchase/binary_output"], { topk: 10, temperature: 20 }));
