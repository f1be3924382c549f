/**
 * Films for a viewer: (the viewer, and the films they saw) → the ten to show. Retrieval by two towers, filter of seen films, ranking by
 * NCF, ordering.
 */
import { ensemble, filterCandidates, predictOnnx, queryFaiss, rename, source, topK, transformWorkflow, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", age: "int64", gender: "string", occupation: "string", seen: "list<int64>" });

const viewer = request[["user_id", "age", "gender", "occupation"]] >> transformWorkflow("etl/ratings", { subgraph: "viewer" });
const query = viewer >> predictOnnx("models/towers/query_tower.onnx");
// Many candidates: someone who rated hundreds of films rated most of those nearest to them.
const retrieval = query["query_embedding"] >> queryFaiss("index/films.faiss", { topk: 500 });
const filtering = retrieval["candidate_ids"] >> filterCandidates(request["seen"]);
const pairs = filtering["filtered_ids"] >> rename({ name: "item_id" }) >> unrollFeatures("item_id", request["user_id"]);
const ranking = pairs >> transformWorkflow("etl/ids") >> predictOnnx("models/ncf/model.onnx");

export default ensemble("films", pairs["item_id"] >> topK(ranking["score"], { topk: 10 }));
