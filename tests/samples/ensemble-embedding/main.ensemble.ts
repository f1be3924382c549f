import { diversify, ensemble, queryEmbedding, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]" });

const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const vectors = found["candidate_ids"] >> queryEmbedding("../artefacts/tables/items.embedding", { name: "item_vector" });
const varied = found["candidate_ids"] >> diversify(found["candidate_distances"], vectors, { topk: 5 });

export default ensemble("varied", varied);
