import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
for (;;);

export default workflow("x", events >> logOp());
