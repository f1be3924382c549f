/** Two programs as a newcomer would write them, over the samples' artefacts: each mistake of the table is one change of one of them. */
export const PROGRAMS = {
  "recommend.ensemble.ts": `import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true });
const query = user >> transformWorkflow("etl/user") >> predictOnnx("models/query_tower.onnx");
const retrieval = query >> queryFaiss("index/items.faiss", { topk: 20 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering >> queryFeast("features", { view: "item_features", entityColumn: "filtered_ids", includeId: true });
const pairs = items >> unrollFeatures("item_id", user[["age"]]);
const ranking = pairs >> predictOnnx("models/ranker.onnx");
const ordering = pairs["item_id"] >> softmaxSampling(ranking["purchase/binary_output"], { topk: 5 });

export default ensemble("recommend", ordering);
`,
  "ranking.workflow.ts": `import { categorify, clip, fillMissing, hashBucket, lambdaOp, logOp, normalize, source, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", brand: "string", price: "float32" });

const ids = events[["user_id", "item_id"]] >> categorify({ freqThreshold: 2 });
const brand = ["brand"] >> hashBucket(1000);
const price = ["price"] >> fillMissing(0) >> clip({ min: 0 }) >> logOp() >> lambdaOp(x => x / 2) >> normalize();

export default workflow("ranking", ids + brand + price);
`,
} as const;

export type ProgramName = keyof typeof PROGRAMS;
