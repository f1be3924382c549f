import { ensemble, mixScores, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]" });
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });

export default ensemble("mixed", found >> mixScores({ weights: { candidate_distance: 1 } }));
