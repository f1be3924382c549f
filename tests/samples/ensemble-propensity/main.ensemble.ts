import { choose, ensemble, filterCandidates, queryFaiss, queryFeast, softmaxSampling, source, topK } from "merlon";

const request = source({ query: "float32[4]", seen: "list<int64>", explores: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const unseen = found["candidate_ids"] >> filterCandidates(request["seen"]);
const items = unseen >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "filtered_ids", includeId: true });
const drawn = items["item_id"] >> softmaxSampling(items["price"], { topk: 5, temperature: -0.01, propensity: true });
const best = items["item_id"] >> topK(items["price"], { topk: 5, propensity: true });

export default ensemble("explore", request["explores"] >> choose({ yes: drawn, no: best }));
