import { choose, ensemble, epsilonGreedy, lambdaOp, queryFaiss, softmaxSampling, source, thompsonSampling } from "merlon";

const request = source({ query: "float32[4]", floored: "bool", alone: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const near = found["candidate_distances"];
const explored = ids >> epsilonGreedy(near, { topk: 5, epsilon: 0.05, propensity: true });
const drawn = ids >> softmaxSampling(near, { topk: 5, temperature: -1, minPropensity: 0.01, propensity: true });

const uncertain = found >> lambdaOp(candidate_distances => 0.1 + candidate_distances * 0, { name: "variance", dtype: "float32" });
const tried = ids >> thompsonSampling(near, uncertain, { topk: 1, scale: 0.5, propensity: true });

export default ensemble("explore", request["alone"] >> choose({ yes: tried, no: request["floored"] >> choose({ yes: drawn, no: explored }) }));
