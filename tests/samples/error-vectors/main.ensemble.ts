import { ensemble, queryVectors, source } from "merlon";

const STORE = "../artefacts/stores/items.vectors.yaml";
const request = source({ query: "float32[4]", wide: "float32[8]", name: "string", seen: "list<string>" });
const vector = request[["query", "name"]];

const missing = request["query"] >> queryVectors("../artefacts/stores/other.vectors.yaml");
const secret = request["query"] >> queryVectors("../artefacts/stores/broken.vectors.yaml");
const odd = request["query"] >> queryVectors("../artefacts/stores/misspelt.vectors.yaml");
const wide = request["wide"] >> queryVectors(STORE);
const text = request["name"] >> queryVectors(STORE);
const excluded = request["query"] >> queryVectors(STORE, { exclude: request["seen"] });
const unknown = vector >> queryVectors(STORE, { where: item => item.stok > 0 });
const computed = vector >> queryVectors(STORE, { where: item => item.price * 2 < 10 });
const compared = vector >> queryVectors(STORE, { where: item => item.price > item.stock });
const lower = vector >> queryVectors(STORE, { where: (item, user) => item.country.toLowerCase() === user.name });
const part = vector >> queryVectors("../artefacts/stores/sets.vectors.yaml", { where: (item, user) => item.country.startsWith(user.name) });
const inner = request["query"] >> queryVectors("../artefacts/stores/inner.vectors.yaml");
const many = vector >> queryVectors(STORE, { topk: 20_000 });
const ends = vector >> queryVectors("../artefacts/stores/milvus.vectors.yaml", { where: item => item.country.endsWith("e") });

export default ensemble("x", missing + secret + odd + wide + text + excluded + unknown + computed + compared + lower + part + inner + many + ends);
