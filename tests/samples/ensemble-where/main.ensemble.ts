import { ensemble, queryFaiss, rename, source } from "merlon";

const MOST = 50;
const request = source({ query: "float32[4]", country: "string", age: "int32", seen: "list<int64>" });

const found = request[["query", "country", "age"]] >> queryFaiss("../artefacts/index/items.faiss", {
  topk: 5,
  exclude: request["seen"],
  attributes: "../artefacts/tables/items.parquet",
  where: (item, user) => item.stock > 0 && item.price < MOST && item.country === user.country && (!item.adult || user.age >= 18) && user.age > 12,
});
const plain = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { attributes: "../artefacts/tables/items.parquet", key: "item_id", where: ({ stock }) => stock });

export default ensemble("recommend", found + (plain >> rename({ postfix: "_any" })));
