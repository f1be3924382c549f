import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
const settings = JSON.parse("{ not json");

export default workflow(settings.name, ["price"] >> logOp());
