import { ensemble, explode, filterCandidates, mergeCandidates, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int64>", bought_together: "list<int64>", seen: "list<int64>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const popular = request["popular_ids"] >> explode();
const together = request["bought_together"] >> explode() >> filterCandidates(request["seen"]);
const merged = nearest >> mergeCandidates([together, popular], { topk: 22 });
const allowed = merged >> filterCandidates(request["seen"]);

export default ensemble("merged", allowed);
