import { ensemble, explode, filterCandidates, mergeCandidates, predictImplicit, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", user_row: "int64", popular_ids: "list<int64>", bought_together: "list<int64>", seen: "list<int64>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const popular = request["popular_ids"] >> explode();
const together = request["bought_together"] >> explode() >> filterCandidates(request["seen"]);
const factors = request["user_row"] >> predictImplicit("../artefacts/models/als.npz", { topk: 20 });
const inTurn = together >> mergeCandidates([popular], { topk: 5 });
const merged = nearest >> mergeCandidates(factors, inTurn, {
  method: "rrf",
  names: ["near", "factors", "lists"],
  weights: { lists: 0.5 },
  quotas: { near: 12 },
  floors: { lists: 2 },
  topk: 22,
  keepSource: true,
  within: { factors: 20 },
});

export default ensemble("sources", merged[["candidate_ids", "source", "scores", "factors_rank"]]);
