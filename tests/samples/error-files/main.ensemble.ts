import { ensemble, queryFaiss, queryFeast, source } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]" });

// Nothing was built into the index, or materialized into the store.
const none = request["query"] >> queryFaiss("../artefacts/index/empty.faiss");
const user = request["user_id"] >> queryFeast("../artefacts/features-unfilled", { view: "user_features" });

// The index is of other items than the view, whatever becomes of an unknown one.
const near = request["query"] >> queryFaiss("../artefacts/index/other-items.faiss", { topk: 5 });
const items = near >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", onMissing: "drop" });

export default ensemble("recommend", items + user + none);
