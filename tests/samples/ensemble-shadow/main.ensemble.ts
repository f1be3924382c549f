import { ensemble, explode, queryFaiss, shadow, source, topK } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int64>", popular_scores: "list<float32>" });

const popular = request["popular_ids"] >> explode({ name: "id", with: request["popular_scores"] });
const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const candidate = nearest["candidate_ids"] >> topK(nearest["candidate_distances"], { topk: 3 });
const ordering = popular["id"] >> topK(popular["popular_scores"], { topk: 3 }) >> shadow(candidate, { within: 5000, topk: 3 });

export default ensemble("beside", ordering);
