import { ensemble, explode, fallback, queryFaiss, rename, source } from "merlon";

const request = source({ query: "float32[4]", popular_ids: "list<int32>", top_id: "int64", price: "float32" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20 });
const noList = request["price"] >> explode();
const otherType = nearest >> fallback(request["popular_ids"] >> explode());
const otherRows = nearest >> fallback(request["top_id"] >> rename({ name: "candidate_ids" }));

export default ensemble("careful", noList + (otherType >> rename({ prefix: "a_" })) + (otherRows >> rename({ prefix: "b_" })));
