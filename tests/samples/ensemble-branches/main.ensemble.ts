import { boost, cached, choose, ensemble, explode, filterCandidates, lambdaOp, queryEmbedding, queryFaiss, source, topK, unrollFeatures } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int64>", visits: "int64", seen: "string", bias: "float32" });

const personal = request["query"] >> cached(queryFaiss("../artefacts/index/items.faiss", { topk: 20 }), { ttlSeconds: 30, maxRows: 1000 });
const popular = request["popular_ids"] >> explode();
const isNew = request["visits"] >> lambdaOp(visits => visits < 3, { name: "is_new" });
const found = isNew >> choose({ yes: popular, no: personal });
const unseen = found >> filterCandidates({ seen: request["seen"] });
const vectors = unseen >> cached(queryEmbedding("../artefacts/tables/items.embedding", { name: "vector" }), { ttlSeconds: 300 });
const scored = unseen >> unrollFeatures("filtered_ids", request["bias"]) >> lambdaOp((filtered_ids, bias) => bias + filtered_ids / 100, { name: "score", dtype: "float32" });
const raised = (vectors + scored) >> boost(item => item.vector[0] > 0, { score: "score", multiply: 2 });
const ordered = unseen >> topK(raised["score"], { topk: 5 });

export default ensemble("branches", ordered);
