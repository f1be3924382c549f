import { choose, ensemble, epsilonGreedy, queryFaiss, softmaxSampling, source } from "merlon";

const request = source({ query: "float32[4]", floored: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const near = found["candidate_distances"];
const explored = ids >> epsilonGreedy(near, { topk: 5, epsilon: 0.05, propensity: true });
const drawn = ids >> softmaxSampling(near, { topk: 5, temperature: -1, minPropensity: 0.01, propensity: true });

export default ensemble("explore", request["floored"] >> choose({ yes: drawn, no: explored }));
