import { ensemble, explode, queryFaiss, rename, source, split } from "merlon";

const request = source({ user_id: "int64", sessions: "list<int64>", query: "float32[4]", popular_ids: "list<int64>", seen: "list<int32>" });

const nearest = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 20, includeDistances: true });
const ids = nearest["candidate_ids"];
const popular = request["popular_ids"] >> explode();
const alone = request["user_id"] >> split({ popular });
const ofLists = request["sessions"] >> split({ popular, ids });
const ofCandidates = popular >> split({ popular, ids });
const sum = request["user_id"] >> split({ popular, ids }, { weights: { popular: 0.5, ids: 0.4 } });
const open = request["user_id"] >> split({ a: popular, b: ids, c: ids }, { weights: { a: 0.5 } });
const stray = request["user_id"] >> split({ popular, ids }, { weights: { populer: 0.5 } } as never);
const strange = request["user_id"] >> split({ "new ranking": popular, ids });
const lacking = request["user_id"] >> split({ nearest, popular } as never);
const more = request["user_id"] >> split({ popular, nearest } as never);
const otherType = request["user_id"] >> split({ popular, narrow: request["seen"] >> explode() >> rename({ name: "candidate_ids" }) } as never);
const perUser = request["user_id"] >> rename({ name: "candidate_ids" });
const otherRows = request["user_id"] >> split({ popular, perUser });
const noLimit = request["user_id"] >> split({ popular, ids }, { guardrail: {} });
const noWindow = request["user_id"] >> split({ popular, ids }, { guardrail: { errorRate: 0.1, window: 50 } });
const noRate = request["user_id"] >> split({ popular, ids }, { guardrail: { errorRate: 2 } });

const all = [noLimit, noWindow, noRate, alone, ofLists, ofCandidates, sum, open, stray, strange, lacking, more, otherType, otherRows].map((node, i) => node.pipe(rename({ prefix: `n${i}_` })));

export default ensemble("arms", all.reduce((left, right) => left.plus(right)));
