import { boost, cached, choose, ensemble, explode, filterCandidates, mixScores, queryFaiss, rename, source } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int64>", is_new: "bool", age: "float32", seen: "list<int32>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = nearest["candidate_ids"];
const popular = request["popular_ids"] >> explode();
const byAge = request["age"] >> choose({ yes: popular, no: ids });
const lacking = request["is_new"] >> choose({ yes: nearest, no: popular });
const otherRows = request["is_new"] >> choose({ yes: ids, no: request["popular_ids"] >> rename({ name: "candidate_ids" }) });
const narrow = request["is_new"] >> choose({ yes: ids, no: request["seen"] >> explode() });
const seen = ids >> filterCandidates({ seen: request["seen"] });
const nothing = nearest >> boost(c => c.candidate_distances > 1, { score: "candidate_distances" });
const noScore = nearest >> boost(c => c.candidate_distances > 1, { score: "score", multiply: 2 });
const mixed = nearest >> cached(mixScores({ weights: { candidate_distances: 1 } }), { ttlSeconds: 1 });
const noTime = request["query"] >> cached(queryFaiss("../artefacts/index/items.faiss"), { ttlSeconds: 0 });
const noKey = request["query"] >> cached(queryFaiss("../artefacts/index/items.faiss"), { ttlSeconds: 1, key: ["user_id"] });

const all = [byAge, lacking, otherRows, narrow, seen, nothing, noScore, mixed, noTime, noKey].map((node, i) => node.pipe(rename({ prefix: `n${i}_` })));

export default ensemble("branches", all.reduce((left, right) => left.plus(right)));
