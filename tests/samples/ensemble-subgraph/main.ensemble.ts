import { ensemble, rename, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", item_id: "int64", city: "string", price: "float32" });

const user = request >> transformWorkflow("../artefacts/etl/events", { subgraph: "user", removeInputs: ["label"] });
const all = request >> transformWorkflow("../artefacts/etl/events", { removeInputs: ["label"] });

export default ensemble("parts", user + (all["*"] >> rename({ prefix: "all_" })));
