import { constantCandidates, ensemble, mergeCandidates, recent, source } from "merlon";

const session = source({ item_ids: "list<int64>", item_times: "list<float64>", now: "float64" });

const viewed = session["item_ids"] >> recent({ times: session["item_times"], now: session["now"], within: 1800, count: 20 });
const picked = session["now"] >> constantCandidates([17, 4, 9007199254740993n]);

export default ensemble("session", viewed >> mergeCandidates(picked, { topk: 10 }));
