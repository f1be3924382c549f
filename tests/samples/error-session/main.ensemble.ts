import { constantCandidates, ensemble, recent, source } from "merlon";

const session = source({ item_ids: "list<int64>", item_times: "list<string>", item: "int64", now: "float64" });

const noList = session["item"] >> recent();
const texts = session["item_ids"] >> recent({ times: session["item_times"] });
const alone = session["item_ids"] >> recent({ within: 60 });
const none = session["item"] >> constantCandidates([]);
const twice = session["item"] >> constantCandidates([1, 2, 1]);

export default ensemble("session", noList + texts + alone + none + twice);
