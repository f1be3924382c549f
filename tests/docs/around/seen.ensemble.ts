import { ensemble, explode, filterCandidates, queryFeast, source } from "merlon";

const request = source({ user_id: "int64", candidate_ids: "list<int64>" });
const retrieval = request["candidate_ids"] >> explode();

// BLOCK
export default ensemble("unseen", unseen);
