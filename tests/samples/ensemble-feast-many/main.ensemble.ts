import { ensemble, queryFaiss, queryFeast, source, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", query: "float32[4]" });

// Candidates without features are left out; what is older than a day is missing.
const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", features: ["purchased_ids"], onMissing: "null" });
const items = request["query"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 5, exclude: user["purchased_ids"], normalize: true }) >> queryFeast("../artefacts/features", {
  view: "item_features",
  includeId: true,
  onMissing: "drop",
  ttl: 86_400,
});
const pairs = items >> unrollFeatures("item_id", request["user_id"]);

// Two views by two join keys, read in one round trip.
const seen = pairs[["user_id", "item_id"]] >> queryFeast("../artefacts/features", { service: "pairs", onMissing: "null", memoryMb: 0 });

// A view by the name that a feature service gives it.
const people = pairs[["user_id"]] >> queryFeast("../artefacts/features", { service: "aliased", features: ["city"], fullNames: true, onMissing: "null" });

export default ensemble("many", items + seen + people);
