import { ensemble, queryFeast, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64" });
const user = request["user_id"] >> queryFeast("../artefacts/featurs", { view: "user_features" });
const other = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_feature" });
const vector = user >> transformWorkflow("../artefacts/etl/users");

export default ensemble("x", vector + other);
