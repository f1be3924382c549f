import { ensemble, explode, filter, lambdaOp, mergeCandidates, queryFaiss, queryFeast, softmaxSampling, source, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", popular_ids: "list<int64>", unread: "int32" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const popular = request["popular_ids"] >> explode();
const merged = nearest["candidate_ids"] >> mergeCandidates([popular], { topk: 22 });
const items = merged >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, prefix: "item", onMissing: { price: { default: 100 } } });
const pairs = items >> unrollFeatures("item_id", request["user_id"]) >> filter(item => item.item_price < 400);
const score = pairs["item_price"] >> lambdaOp(item_price => -item_price / 100, { name: "cheapness", dtype: "float32" });
const ordering = pairs["item_id"] >> softmaxSampling(score, { topk: 3, temperature: 1 });

export default ensemble("logged", ordering, {
  log: {
    columns: [request[["user_id", "unread"]], pairs["item_price"], score, nearest["candidate_distances"]],
    candidates: { all: 0.5 },
    personal: { user_id: "hash", unread: "drop" },
    retentionDays: 30,
  },
});
