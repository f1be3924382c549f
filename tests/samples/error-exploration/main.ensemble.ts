import { choose, ensemble, epsilonGreedy, queryFaiss, softmaxSampling, source, thompsonSampling } from "merlon";

const request = source({ query: "float32[4]", flag: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const near = found["candidate_distances"];
const floored = ids >> softmaxSampling(near, { topk: 5, mode: "greedy", minPropensity: 0.01 });
const listed = ids >> epsilonGreedy(near, { topk: 5, per: "list", minPropensity: 0.01 });
const certain = ids >> epsilonGreedy(near, { topk: 5, epsilon: 1.5 });

const tried = ids >> thompsonSampling(near, near, { topk: 5, propensity: true });

export default ensemble("explore", request["flag"] >> choose({ yes: floored, no: request["flag"] >> choose({ yes: listed, no: request["flag"] >> choose({ yes: certain, no: tried }) }) }));
