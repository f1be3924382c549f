import { ensemble, queryFaiss, source, topK } from "merlon";

const request = source({ query: "float32[4]" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ordering = found["candidate_ids"] >> topK(found["candidate_distances"], { topk: 3 });

export default ensemble("logged", ordering, { log: { candidates: { all: 1.5 } } });
