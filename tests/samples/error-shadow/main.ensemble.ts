import { ensemble, explode, queryFaiss, rename, shadow, source } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", popular_ids: "list<int64>", seen: "list<int32>", ratios: "list<float16>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = nearest["candidate_ids"];
const popular = request["popular_ids"] >> explode();
const lacking = nearest >> shadow(popular as never);
const otherType = popular >> shadow((request["seen"] >> explode() >> rename({ name: "candidate_ids" })) as never);
const otherRows = popular >> shadow(request["user_id"] >> rename({ name: "candidate_ids" }));
const noItem = ids >> shadow(popular, { item: "candidate_id" });
const textItem = nearest >> shadow(nearest, { item: "candidate_distances" });
const idScore = nearest >> shadow(nearest, { score: "candidate_ids" });
const nothing = request["ratios"] >> explode({ name: "ratio" }) >> shadow(request["ratios"] >> explode({ name: "ratio" }));
const often = ids >> shadow(popular, { rate: 2 });
const late = ids >> shadow(popular, { within: 0 });

const all = [lacking, otherType, otherRows, noItem, textItem, idScore, nothing, often, late].map((node, i) => node.pipe(rename({ prefix: `n${i}_` })));

export default ensemble("beside", all.reduce((left, right) => left.plus(right)));
