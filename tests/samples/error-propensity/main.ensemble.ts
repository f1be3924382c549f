import { choose, ensemble, filter, filterCandidates, lambdaOp, queryFaiss, rename, softmaxSampling, source, topK } from "merlon";

const request = source({ query: "float32[4]", seen: "list<int64>", is_new: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const near = found["candidate_distances"];
const pool = found["candidate_ids"] >> softmaxSampling(near, { topk: 15, temperature: -1 });

const twice = pool["ordered_ids"] >> softmaxSampling(pool["ordered_scores"], { topk: 5, propensity: true });
const settled = pool["ordered_ids"] >> topK(pool["ordered_scores"], { topk: 5, propensity: true });
const drawn = found["candidate_ids"] >> softmaxSampling(near, { topk: 5, temperature: -1, propensity: true });
const short = drawn >> filter(item => item.ordered_scores < 3);
const unseen = drawn["ordered_ids"] >> filterCandidates(request["seen"]);
const best = found["candidate_ids"] >> topK(near, { topk: 5 });
const certain = best["ordered_scores"] >> lambdaOp(score => score * 0.0 + 1.0, { name: "propensity", dtype: "float64" });
const either = request["is_new"] >> choose({ yes: drawn[["ordered_ids", "propensity"]], no: best["ordered_ids"] + certain });

export default ensemble("propensities", twice + (settled >> rename({ prefix: "settled_" })) + (short >> rename({ prefix: "short_" })) + (unseen >> rename({ prefix: "unseen_" })) + (either >> rename({ prefix: "either_" })));
