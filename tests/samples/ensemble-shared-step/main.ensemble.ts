import { ensemble, queryFeast, rename, source } from "merlon";

const request = source({ user_id: "int64" });

// Two nodes that say the same are one step; features nobody reads are not fetched.
const one = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features" });
const two = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features" });

export default ensemble("shared", one["age"] + (two["age"] >> rename({ name: "age_again" })));
