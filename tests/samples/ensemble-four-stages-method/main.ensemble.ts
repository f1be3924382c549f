import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });

const user = request.pick("user_id").pipe(queryFeast("../artefacts/features", { view: "user_features", includeId: true }));
const retrieval = user
  .pipe(transformWorkflow("../artefacts/etl/user"))
  .pipe(predictOnnx("../artefacts/models/query_tower.onnx"))
  .pipe(queryFaiss("../artefacts/index/items.faiss", { topk: 20 }));
const filtering = retrieval.pick("candidate_ids").pipe(filterCandidates(user.pick("purchased_ids")));
const items = filtering.pipe(queryFeast("../artefacts/features", { view: "item_features", entityColumn: "filtered_ids", includeId: true, prefix: "item" }));
const pairs = items.pipe(unrollFeatures("item_id", user.pick(["age"])));
const ranking = pairs.pipe(predictOnnx("../artefacts/models/ranker.onnx"));
const ordering = pairs.pick("item_id").pipe(softmaxSampling(ranking.pick("purchase/binary_output"), { topk: 5 }));

export default ensemble("recommend", ordering);
