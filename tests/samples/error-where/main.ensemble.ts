import { ensemble, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", country: "string" });
const [index, attributes] = ["../artefacts/index/items.faiss", "../artefacts/tables/items.parquet"];
const both = request[["query", "country"]];
const unknown = both >> queryFaiss("../artefacts/index/items.faiss", { attributes: "../artefacts/tables/items.parquet", where: item => item.stok > 0 });
const compared = both >> queryFaiss("../artefacts/index/items.faiss", { attributes: "../artefacts/tables/items.parquet", where: item => item.stock > "0" });
const user = both >> queryFaiss(index, { attributes, where: (item, user) => item.country === user.land });
const unread = both >> queryFaiss(index, { attributes, where: item => item.added > 0 });
const matched = both >> queryFaiss(index, { attributes, where: item => /x/.test(item.country) });
const bare = both >> queryFaiss(index, { where: item => item.stock > 0 });
const idle = request["query"] >> queryFaiss(index, { attributes });
const key = both >> queryFaiss(index, { attributes, key: "sku", where: item => item.stock > 0 });
const text = both >> queryFaiss(index, { attributes, key: "country", where: item => item.stock > 0 });
const missing = both >> queryFaiss(index, { attributes: "../artefacts/tables/things.parquet", where: item => item.stock > 0 });
const three = both >> queryFaiss(index, { attributes, where: (item, user, more) => item.stock > more });

export default ensemble("x", unknown + compared + user + unread + matched + bare + idle + key + text + missing + three);
