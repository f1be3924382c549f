import { queryFeast, source, workflow } from "merlon";

const events = source({ user_id: "int64" });

export default workflow("x", events >> queryFeast("../artefacts/features", { view: "user_features" }));
