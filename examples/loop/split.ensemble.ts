import { ensemble, lambdaOp, queryEmbedding, queryFaiss, softmaxSampling, source, split } from "merlon";

const WEIGHTS = { fit: 1, quality: 0, price: 0 };
const request = source({ user_id: "int64", taste: "float32[4]" });

const found = request["taste"] >> queryFaiss("index/items.faiss", { topk: 30, includeDistances: true });
const facts = found["candidate_ids"] >> queryEmbedding("tables/items.embedding", { name: "facts" });
const chance = (found["candidate_distances"] + facts) >> lambdaOp(
  (candidate_distances, facts) => WEIGHTS.fit * candidate_distances + WEIGHTS.quality * facts[0] + WEIGHTS.price * facts[1],
  { name: "chance", dtype: "float32" },
);
const control = found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 3, temperature: 0.7 });
const treatment = found["candidate_ids"] >> softmaxSampling(chance, { topk: 3, temperature: 0.7 });

export default ensemble("shop", request["user_id"] >> split({ control, treatment }, { salt: "ranking-1" }), {
  log: { columns: [request["user_id"]] },
});
