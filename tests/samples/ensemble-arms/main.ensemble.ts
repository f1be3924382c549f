import { ensemble, explode, queryFaiss, source, split } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", popular_ids: "list<int64>" });

const treatment = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const control = request["popular_ids"] >> explode();
const found = request["user_id"] >> split({ control, treatment }, { weights: { treatment: 0.1 }, salt: "retrieval-2", guardrail: { errorRate: 0.02, p99Ms: 5000 } });

export default ensemble("arms", found);
