import { ensemble, queryFaiss, source } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", other: "float32[4]" });
const candidates = request >> queryFaiss("../artefacts/index/items.faiss");
const wide = request["query"] >> queryFaiss("../artefacts/index/wide.faiss");
const number = request["user_id"] >> queryFaiss("../artefacts/index/items.faiss");

export default ensemble("x", candidates + wide + number);
