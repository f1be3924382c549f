import { ensemble, explode, fallback, filterCandidates, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int64>", seen: "list<int64>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const popular = request["popular_ids"] >> explode();
const found = nearest >> fallback(popular, { within: 500 });
const allowed = found >> filterCandidates(request["seen"]);

export default ensemble("careful", allowed);
