import { ensemble, queryFaiss, rename, source, topK } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", seed: "int64", label: "float32", other: "list<int64>" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ordering = found["candidate_ids"] >> topK(found["candidate_distances"], { topk: 3 });
const weight = request["seed"] >> rename({ name: "Weight" });
const twin = request["other"] >> rename({ name: "USER_ID" });

export default ensemble("logged", ordering, {
  log: { columns: [request["user_id"], request["seed"], request["user_id"], request["label"], twin, weight, found["candidate_distances"]], personal: { nobody: "hash" } },
});
