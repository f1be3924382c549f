import { diversify, ensemble, filterCandidates, limitPerGroup, mixScores, queryFaiss, source, topK, unrollFeatures } from "merlon";

const request = source({ query: "float32[4]", score: "float32", tags: "list<string>" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const distances = found["candidate_distances"];

const notCandidates = request["score"] >> topK(request["score"]);
const notFloat = ids >> topK(ids);
const otherRows = ids >> topK(request["score"]);
const tooMany = ids >> limitPerGroup(distances, ids, { topk: 2, atLeast: { 1: 3 } });
const overCap = ids >> limitPerGroup(distances, ids, { topk: 5, max: 1, atLeast: { 1: 3 } });
const noCap = ids >> limitPerGroup(distances, ids, { topk: 5 });
const noGroup = ids >> limitPerGroup(distances, ids, { atLeast: { acme: 1 } });
const noList = ids >> filterCandidates({ denied: request["tags"] });
const noUsers = request["tags"] >> unrollFeatures("tags", request["score"]);
const noVector = ids >> diversify(distances, distances);
const noWeights = found >> mixScores({ weights: {} });

export default ensemble("orderings", notCandidates + notFloat + otherRows + tooMany + overCap + noCap + noGroup + noUsers + noVector + noWeights);
