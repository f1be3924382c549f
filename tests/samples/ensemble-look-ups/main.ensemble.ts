import { addTags, ensemble, queryFeast, source } from "merlon";

const request = source({ user_id: "int64" });

// Look-ups as different people write them: one view, one key. One round trip is left, and it fetches three features.
const age = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", features: ["age", "city"], onMissing: "null" });
const again = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", features: ["age", "city"], onMissing: "null" });
const history = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", features: ["purchased_ids"], onMissing: { purchased_ids: { default: [] } } });
const home = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", prefix: "home", features: ["city"], onMissing: "null" });
const unused = request["user_id"] >> queryFeast("../artefacts/features", { view: "item_features" });

const tagged = again["age"] >> addTags("user");

export default ensemble("look_ups", tagged + age["city"] + history + home + (unused - "price"));
