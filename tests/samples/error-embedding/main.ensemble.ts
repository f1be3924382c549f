import { ensemble, queryEmbedding, rename, source } from "merlon";

const request = source({ item_id: "int64", city: "string", seen: "list<int64>" });
const text = request["city"] >> queryEmbedding("../artefacts/tables/items.embedding");
const lists = request["seen"] >> queryEmbedding("../artefacts/tables/items.embedding", { name: "b" });
const missing = request["item_id"] >> queryEmbedding("../artefacts/tables/item.embedding", { name: "c" });

export default ensemble("vectors", text + lists + missing);
