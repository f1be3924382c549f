import { ensemble, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", seen: "string", other: "int64" });
const lists = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { nprobe: 2 });
const graph = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { efSearch: 20 });
const typed = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { exclude: request["seen"] });
const fewer = lists >> queryFaiss("../artefacts/index/items.faiss");
const good = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { exclude: request["other"] });

export default ensemble("x", lists + graph + typed + fewer + good);
