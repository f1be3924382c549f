import { ensemble, explode, filterCandidates, lookupCandidates, mergeCandidates, predictImplicit, queryFaiss, source } from "merlon";

const request = source({
  query: "float32[4]",
  user_row: "int64",
  town: "string",
  popular_ids: "list<int64>",
  bought_together: "list<int64>",
  seen: "list<int64>",
});

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const popular = request["popular_ids"] >> explode();
const together = request["bought_together"] >> explode() >> filterCandidates(request["seen"]);
const factors = request["user_row"] >> predictImplicit("../artefacts/models/als.npz", { topk: 20 });
const similar = request >> lookupCandidates("../artefacts/tables/together.candidates", { key: "seen", topk: 20, scores: true });
const inTown = request >> lookupCandidates("../artefacts/tables/popular.candidates", { key: "town", topk: 5 });
const inTurn = together >> mergeCandidates([popular, inTown], { topk: 5 });
const merged = nearest >> mergeCandidates(factors, inTurn, similar, {
  method: "rrf",
  names: ["near", "factors", "lists", "similar"],
  weights: { lists: 0.5 },
  quotas: { near: 12 },
  floors: { lists: 2 },
  topk: 22,
  keepSource: true,
  within: { factors: 2000 },
});

export default ensemble("sources", merged[["candidate_ids", "source", "scores", "factors_rank"]]);
