import { ensemble, filterCandidates, queryFaiss, softmaxSampling, source, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", seen: "list<string>", bought: "list<int64>", query: "float32[4]", score: "float32" });
const candidates = request["query"] >> queryFaiss("../artefacts/index/items.faiss");
const a = candidates >> filterCandidates(request["seen"]);
const b = request["user_id"] >> filterCandidates(request["bought"]);
const c = candidates >> filterCandidates("seen" as never);
const d = candidates >> softmaxSampling(request["score"]);
const e = candidates >> unrollFeatures("candidate_id", request["score"]);

export default ensemble("x", a + b + c + d + e);
