// Merlin's two notebooks "Building and deploying multi-stage recommender systems": one fitted workflow in parts for users and items, query
// tower, FAISS, ranker over the features of user and item, sampling at a temperature that leaves the order to chance.
import { ensemble, predictOnnx, queryFaiss, queryFeast, rename, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", includeId: true });
const profile = user >> transformWorkflow("../artefacts/etl/user");
const retrieval = profile >> predictOnnx("../artefacts/models/query_tower.onnx") >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const items = retrieval["candidate_ids"] >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, prefix: "item" });
const encoded = items["item_id"] + (items["item_price"] >> rename({ name: "price" })) >> transformWorkflow("../artefacts/etl/events", { subgraph: "item", removeInputs: ["label"] });
const combined = encoded >> unrollFeatures("item_id", profile["age"]);
const rank = combined >> predictOnnx("../artefacts/models/ranker.onnx");
// The notebook answers encoded ids; these are the store's.
const ordering = items["item_id"] >> softmaxSampling(rank["purchase/binary_output"], { topk: 10, temperature: 1e-8 });

export default ensemble("multi_stage", ordering);
