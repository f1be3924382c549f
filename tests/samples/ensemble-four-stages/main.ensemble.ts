import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", includeId: true });
const retrieval = user >> transformWorkflow("../artefacts/etl/user") >> predictOnnx("../artefacts/models/query_tower.onnx") >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "filtered_ids", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", user[["age"]]);
const ranking = pairs >> predictOnnx("../artefacts/models/ranker.onnx");
const ordering = pairs["item_id"] >> softmaxSampling(ranking["purchase/binary_output"], { topk: 5 });

export default ensemble("recommend", ordering);
