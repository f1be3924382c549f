import { choose, ensemble, epsilonGreedy, queryFaiss, softmaxSampling, source } from "merlon";

const request = source({ query: "float32[4]", flag: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const near = found["candidate_distances"];
const floored = ids >> softmaxSampling(near, { topk: 5, mode: "greedy", minPropensity: 0.01 });
const listed = ids >> epsilonGreedy(near, { topk: 5, per: "list", minPropensity: 0.01 });
const certain = ids >> epsilonGreedy(near, { topk: 5, epsilon: 1.5 });

export default ensemble("explore", request["flag"] >> choose({ yes: floored, no: request["flag"] >> choose({ yes: listed, no: certain }) }));
