import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
const price = events["price" >> logOp();

export default workflow("x", price);
