import { ensemble, filterCandidates, queryFaiss, queryFeast, softmaxSampling, source, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]" });
const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features" });

// Four candidates at most, of which ten are to be shown, found by an index that knows positions alone.
const near = request["query"] >> queryFaiss("../artefacts/index/positions.faiss", { topk: 4, includeDistances: true });
const unseen = near["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = unseen >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "filtered_ids", includeId: true });
const pairs = items >> unrollFeatures("item_id", user[["age"]]);
const ordering = pairs["item_id"] >> softmaxSampling(items["price"], { topk: 10 });

export default ensemble("recommend", ordering);
