import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
const settings = JSON.parse("");

export default workflow(settings.name, ["price"] >> logOp());
