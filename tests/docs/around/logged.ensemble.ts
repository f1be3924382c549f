import { ensemble, explode, lambdaOp, queryFeast, softmaxSampling, source } from "merlon";

const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("features", { view: "user_features", onMissing: "null" });
const items = user["purchased_ids"] >> explode();
const score = items["candidate_ids"] >> lambdaOp(candidate_ids => candidate_ids / 2, { name: "score" });
const ordering = items["candidate_ids"] >> softmaxSampling(score, { topk: 10 });

// BLOCK
