import { ensemble, lambdaOp, queryFaiss, queryFeast, softmaxSampling, source, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const items = found >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", request["user_id"]);
const score = pairs["item_price"] >> lambdaOp(item_price => -item_price / 100, { name: "cheapness", dtype: "float32" });
const ordering = pairs["item_id"] >> softmaxSampling(score, { topk: 3, temperature: 1 });

// BLOCK
