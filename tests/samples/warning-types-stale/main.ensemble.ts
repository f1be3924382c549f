import { ensemble, queryFaiss, source, transformWorkflow } from "merlon";

const request = source({ age: "float32", city: "string", query: "float32[4]" });
const user = request >> transformWorkflow("../artefacts/etl/user");
const found = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 3 });

export default ensemble("x", user);
