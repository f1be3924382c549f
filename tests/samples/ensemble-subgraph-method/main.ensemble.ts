import { ensemble, rename, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", item_id: "int64", city: "string", price: "float32" });

const user = request.pipe(transformWorkflow("../artefacts/etl/events", { subgraph: "user", removeInputs: ["label"] }));
const all = request.pipe(transformWorkflow("../artefacts/etl/events", { removeInputs: ["label"] }));

export default ensemble("parts", user.plus(all.pick("*").pipe(rename({ prefix: "all_" }))));
