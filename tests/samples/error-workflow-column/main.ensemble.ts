import { ensemble, source, transformWorkflow } from "merlon";

const request = source({ user_id: "int64", age: "float32" });

export default ensemble("x", request >> transformWorkflow("../artefacts/etl/user"));
