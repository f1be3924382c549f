import { ensemble, explode, filterCandidates, lookupCandidates, mergeCandidates, queryFaiss, queryFeast, rename, source, topK, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]", city: "string", age: "float32", words: "list<string>", bought: "list<int64>" });
const lists = request[["city", "age", "words", "bought"]] >> transformWorkflow("../artefacts/etl/lists");

// Squared distances are added to counts, and the table was made of users.
const near = request["query"] >> queryFaiss("../artefacts/index/l2.faiss", { topk: 20, includeDistances: true });
const popular = request["user_id"] >> lookupCandidates("../artefacts/tables/popular-users.candidates", { everyone: true, scores: true });
const merged = near >> mergeCandidates(popular, { method: "weighted" });
const items = merged >> queryFeast("../artefacts/features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, onMissing: "drop" });

// Codes of a vocabulary are no ids of a table, of candidates or of the store.
const bought = lists["words"] >> lookupCandidates("../artefacts/tables/bought-items.candidates");
const both = bought >> mergeCandidates(lists["words"] >> explode());
const unseen = items["item_id"] >> filterCandidates({ deny: lists["words"] });
const raw = items["item_id"] + (items["price"] >> rename({ name: "price" }));
const encoded = raw >> transformWorkflow("../artefacts/etl/events", { subgraph: "item", removeInputs: ["label"] });
const again = encoded["item_id"] >> queryFeast("../artefacts/features", { view: "item_features", onMissing: "null" });

// Codes are no answer either. A function makes other numbers of them, and so it does of distances.
const ordering = encoded["item_id"] >> topK(again["price"], { topk: 5 });
export default ensemble("ids", ordering + (both >> rename({ name: "both" })) + (unseen >> rename({ name: "unseen" })));
