import { ensemble, explode, mergeCandidates, queryFaiss, source } from "merlon";

const request = source({ query: "float32[4]", ids: "list<int64>", texts: "list<string>", top_id: "int64", scores: "list<float32>" });

const near = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const popular = request["ids"] >> explode();
const both = request["ids"] >> explode({ with: request[["scores", "texts"]] });

const otherType = near >> mergeCandidates(request["texts"] >> explode());
const otherRows = near >> mergeCandidates(popular, request["top_id"]);
const noScore = near >> mergeCandidates(popular, { method: "weighted" });
const tooMuch = near >> mergeCandidates(popular, both);
const oddNames = near >> mergeCandidates(popular, { names: ["near"] });
const strayName = near >> mergeCandidates(popular, { names: ["near", "popular"], quotas: { near: 3, populr: 2 } });
const noRoom = near >> mergeCandidates(popular, { floors: { source2: 5 }, topk: 4 });
const unsure = near >> mergeCandidates(popular, { floors: { source2: 5 }, quotas: { source2: 4 }, topk: 9 });
const noWeight = near >> mergeCandidates(popular, { weights: { source1: 2 } });
const twice = near >> mergeCandidates(popular, { names: ["near", "popular"], name: "near_rank", keepSource: true });
const odd = near >> mergeCandidates(popular, { quotas: { source2: -1 }, topk: 0 });
const none = near >> mergeCandidates({ topk: 3 });

export default ensemble(
  "merged",
  otherType + otherRows + noScore + tooMuch + oddNames + strayName + noRoom + unsure + noWeight + twice + odd + none,
);
