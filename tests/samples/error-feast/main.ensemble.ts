import { ensemble, queryFeast, source } from "merlon";

const request = source({ user_id: "int64", item: "int64" });
const pair = request >> queryFeast("../artefacts/features", { view: "pair_features" });
const odd = request >> queryFeast("../artefacts/features-odd", { view: "user_features" });
const some = request >> queryFeast("../artefacts/features", { view: "user_features", features: ["agee"] });
const both = request >> queryFeast("../artefacts/features", { view: "user_features", service: "pairs" });
const none = request >> queryFeast("../artefacts/features", { service: "pears" });
const named = request >> queryFeast("../artefacts/features-odd", { service: "aliased" });
const single = request >> queryFeast("../artefacts/features", { view: "pair_features", entityColumn: "user_id" });
const gone = request >> queryFeast("../artefacts/features", { view: "user_features", onMissing: "drop" });
const typo = request >> queryFeast("../artefacts/features", { view: "user_features", onMissing: { aeg: "null" } });
const text = request >> queryFeast("../artefacts/features", { view: "user_features", onMissing: { age: { default: "old" } } });

export default ensemble("x", pair + odd + some + both + none + named + single + gone + typo + text);
