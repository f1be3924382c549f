import { clip, logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
const a = (b + events) >> logOp();
const b = a >> clip({ min: 0 });

export default workflow("x", b);
