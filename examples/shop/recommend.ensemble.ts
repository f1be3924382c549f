/**
 * The shop's recommender in four stages: (user_id) → the ten products to show, with their scores. A batch of customers is one request.
 */
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

// The user of the request. A new customer has null features, and the models serve them as a stranger.
const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true, onMissing: "null" });

// Stage 1, retrieval: the hundred products nearest to the customer, out of all.
const query = user >> transformWorkflow("etl/user") >> predictOnnx("models/query_tower.onnx");
const retrieval = query["query_embedding"] >> queryFaiss("index/items.faiss", { topk: 100 });

// Stage 2, filtering: nothing the customer has at home.
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);

// Stage 3, ranking: how likely is it that the customer buys it?
const items = filtering["filtered_ids"] >> queryFeast("features", { view: "item_features", includeId: true, prefix: "item" });
const profile = user[["user_id", "favourite_brand", "favourite_category", "mean_price", "event_count"]];
const pairs = items >> unrollFeatures("item_id", profile);
const ranking = pairs >> transformWorkflow("etl/ranking") >> predictOnnx("models/dlrm.onnx");

// Stage 4, ordering: mostly the best first, with some chance for the others.
const ordering = pairs["item_id"] >> softmaxSampling(ranking["purchase/binary_output"], { topk: 10, temperature: 20 });

export default ensemble("recommend", ordering);
