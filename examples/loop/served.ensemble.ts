import { ensemble, queryEmbedding, queryFaiss, softmaxSampling, source } from "merlon";

const request = source({ user_id: "int64", taste: "float32[4]" });

const found = request["taste"] >> queryFaiss("index/items.faiss", { topk: 30, includeDistances: true });
const facts = found["candidate_ids"] >> queryEmbedding("tables/items.embedding", { name: "facts" });
const list = found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 3, temperature: 0.7 });

export default ensemble("shop", list, {
  log: { columns: [request["user_id"], found["candidate_distances"], facts], candidates: { all: 1 } },
});
