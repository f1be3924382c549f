import { ensemble, source, topK, transformWorkflow } from "merlon";

const clicks = source({ session_id: "int64", item_id: "int64", age: "float32" });
const sessions = clicks >> transformWorkflow("../artefacts/etl/sessions", { changesRows: true });
const eldest = sessions["session_id"] >> topK(sessions["age_max"], { topk: 2 });

export default ensemble("sessions", sessions[["item_id_list"]] + eldest);
