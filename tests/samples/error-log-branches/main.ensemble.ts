import { ensemble, queryFaiss, source, split, topK } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const control = found["candidate_ids"] >> topK(found["candidate_distances"], { topk: 3 });
const treatment = found["candidate_ids"] >> topK(found["candidate_distances"], { topk: 5 });
const ordering = request["user_id"] >> split({ control, treatment });

export default ensemble("branches", ordering, { log: { columns: [request["user_id"]], candidates: { all: 1 } } });
