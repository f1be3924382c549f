import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });

export default workflow("my model/1", ["price"] >> logOp());
