import { ensemble, queryFeast, source } from "merlon";

const request = source({ user_id: "int64" });

const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", includeId: true });

export default ensemble("users", user, { log: { columns: [request] } });
