import { ensemble, queryVectors, source } from "merlon";

const request = source({ query: "float32[4]", country: "string", age: "int32", seen: "list<int64>" });

const found = request[["query", "country", "age"]] >> queryVectors("../artefacts/stores/items.vectors.yaml", {
  topk: 5,
  includeDistances: true,
  exclude: request["seen"],
  where: (item, user) => (item.stock ?? 0) > 0 && item.country === user.country && (!item.adult || user.age >= 18),
});

export default ensemble("recommend", found);
