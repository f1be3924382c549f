/** Five sources of candidates for the shop, by reciprocal rank fusion: (user_id, last products) → up to 500 products and their ranks. */
import {
  ensemble,
  lookupCandidates,
  mergeCandidates,
  predictOnnx,
  queryFaiss,
  queryFeast,
  recent,
  source,
  transformWorkflow,
} from "merlon";

const request = source({ user_id: "int64", recent_ids: "list<int64>" });
const user = request["user_id"] >> queryFeast("../shop/features", { view: "user_features", includeId: true, onMissing: "null" });

// The products nearest to the customer.
const query = user >> transformWorkflow("../shop/etl/user") >> predictOnnx("../shop/models/query_tower.onnx");
const near = query["query_embedding"] >> queryFaiss("../shop/index/items.faiss", { topk: 100 });
// The customer's last products, and those that other customers met with them.
const own = request["recent_ids"] >> recent({ count: 100 });
const similar = request >> lookupCandidates("tables/similar.candidates", { key: "recent_ids", topk: 100 });
// Popular products of the favorite category, and trending ones.
const popular = user >> lookupCandidates("tables/popular.candidates", { key: "favourite_category", topk: 100 });
const trending = request["user_id"] >> lookupCandidates("tables/trending.candidates", { everyone: true, topk: 100 });

const merged = near >> mergeCandidates(own, similar, popular, trending, {
  method: "rrf",
  names: ["near", "own", "similar", "popular", "trending"],
  weights: { near: 1, own: 1, similar: 1, popular: 0.3, trending: 0.1 },
  keepSource: true,
  topk: 500,
});

export default ensemble("sources", merged);
