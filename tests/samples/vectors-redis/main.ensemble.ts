import { ensemble, queryVectors, source } from "merlon";

const request = source({ query: "float32[4]", countries: "list<string>", budget: "float32" });

const found = request >> queryVectors("../artefacts/stores/sets.vectors.yaml", {
  topk: 20,
  includeDistances: true,
  where: (item, user) => user.countries.includes(item.country) && item.price <= user.budget && !item.adult,
});

export default ensemble("recommend", found);
