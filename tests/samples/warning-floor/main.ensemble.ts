import { choose, ensemble, epsilonGreedy, queryFaiss, softmaxSampling, source } from "merlon";

const request = source({ query: "float32[4]", wide: "bool" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];

// Twenty floors of a twentieth are all of the probability; of a thousandth they are a fiftieth.
const flat = ids >> softmaxSampling(found["candidate_distances"], { topk: 5, minPropensity: 0.05 });
const fine = ids >> epsilonGreedy(found["candidate_distances"], { topk: 5, minPropensity: 0.001 });

export default ensemble("floors", request["wide"] >> choose({ yes: flat, no: fine }));
