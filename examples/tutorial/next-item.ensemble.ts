/** The next products of a visitor: raw product ids of the session in, raw product ids out. */
import { ensemble, predictOnnx, queryFaiss, source, transformWorkflow } from "merlon";

const session = source({ item_id: "list<int64>", category: "list<string>" });

const query = session >> transformWorkflow("etl/sessions") >> predictOnnx("models/session/query_tower.onnx");

export default ensemble("next_item", query["query_embedding"] >> queryFaiss("index/sessions.faiss", { topk: 10 }));
