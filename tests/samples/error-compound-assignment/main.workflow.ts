import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
let price = events["price"];
price >>= logOp();

export default workflow("x", price);
