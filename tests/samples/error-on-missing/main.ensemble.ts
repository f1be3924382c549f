import { ensemble, queryFeast, source } from "merlon";

const request = source({ user_id: "int64" });
const users = (onMissing: never) => request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", onMissing });

const typed = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", onMissing: { city: "?" } });
const word = users("?" as never);
const feature = users({ city: "?" } as never);
const record = users({ city: { standard: "?" } } as never);
const number = users({ default: null } as never);

export default ensemble("users", typed + word + feature + record + number);
