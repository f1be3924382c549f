import { ensemble, source, transformWorkflow } from "merlon";

const clicks = source({ session_id: "int64", item_id: "int64", age: "float32" });
const sessions = clicks >> transformWorkflow("../artefacts/etl/sessions", { changesRows: true });

export default ensemble("sessions", sessions + clicks["age"]);
