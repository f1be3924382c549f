/**
 * The example's ensemble at a low temperature: every candidate has a chance, so that how often each is drawn says something.
 */
import { ensemble, filterCandidates, predictOnnx, queryFaiss, queryFeast, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("../../examples/shop/features", { view: "user_features", includeId: true, onMissing: "null" });
const query = user >> transformWorkflow("../../examples/shop/etl/user") >> predictOnnx("../../examples/shop/models/query_tower.onnx");
const retrieval = query["query_embedding"] >> queryFaiss("../../examples/shop/index/items.faiss", { topk: 100 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(user["purchased_ids"]);
const items = filtering["filtered_ids"] >> queryFeast("../../examples/shop/features", { view: "item_features", includeId: true, prefix: "item" });
const profile = user[["user_id", "favourite_brand", "favourite_category", "mean_price", "event_count"]];
const pairs = items >> unrollFeatures("item_id", profile);
const ranking = pairs >> transformWorkflow("../../examples/shop/etl/ranking") >> predictOnnx("../../examples/shop/models/dlrm.onnx");

export default ensemble("draw", pairs["item_id"] >> softmaxSampling(ranking["purchase/binary_output"], { topk: 10, temperature: 4 }));
