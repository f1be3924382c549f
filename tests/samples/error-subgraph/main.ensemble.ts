import { ensemble, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", item_id: "int64", city: "string", price: "float32", label: "int32" });

const a = request >> transformWorkflow("../artefacts/etl/events");
const b = request >> transformWorkflow("../artefacts/etl/events", { subgraph: "users" });
const c = request >> transformWorkflow("../artefacts/etl/user", { subgraph: "user" });
const d = request >> transformWorkflow("../artefacts/etl/events", { removeInputs: ["lable"] });
const e = request >> transformWorkflow("../artefacts/etl/events", { subgraph: "user" });

export default ensemble("parts", a + b + c + d + e);
