import { ensemble, queryFeast, source } from "merlon";

const request = source({ user_id: "int64", item_id: "int64" });
const pair = request >> queryFeast("../artefacts/features", { view: "pair_features" });
const odd = request >> queryFeast("../artefacts/features-odd", { view: "user_features" });
const some = request >> queryFeast("../artefacts/features", { view: "user_features", features: ["agee"] });

export default ensemble("x", pair + odd + some);
