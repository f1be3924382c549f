import { diversify, ensemble, filter, filterCandidates, lambdaOp, limitPerGroup, mixScores, queryFaiss, queryFeast, rename, source, topK, unrollFeatures } from "merlon";

const request = source({ query: "float32[4]", seen: "list<int64>", hidden: "list<int64>", licensed: "list<int64>" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const allowed = found["candidate_ids"] >> filterCandidates({ deny: request[["seen", "hidden"]], allow: request["licensed"] });
const items = allowed >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "filtered_ids", includeId: true, prefix: "item" });
const cheap = items >> unrollFeatures("item_id", request["query"]) >> filter(item => item.item_price < 400);
const price = cheap["item_price"] >> lambdaOp(item_price => -item_price, { name: "cheapness", dtype: "float32" });
const level = cheap["item_price"] >> lambdaOp(item_price => Math.floor(item_price / 100), { name: "price_level", dtype: "int32" });
const mixed = price >> mixScores({ weights: { cheapness: 2 }, scale: "rank" });
const best = cheap["item_id"] >> topK(mixed, { topk: 3 }) >> rename({ prefix: "best_" });
const capped = cheap["item_id"] >> limitPerGroup(mixed, level, { topk: 3, max: 1, atLeast: { 2: 1 } }) >> rename({ prefix: "capped_" });
const varied = cheap["item_id"] >> diversify(mixed, cheap["query"], { topk: 3, method: "dpp", balance: 0.5 }) >> rename({ prefix: "varied_" });

export default ensemble("orderings", best + capped + varied);
