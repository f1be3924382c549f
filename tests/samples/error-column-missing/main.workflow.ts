import { logOp, source, workflow } from "merlon";

const events = source({ user_id: "int64", brand: "string", price: "float32" });
const price = events["prise"] >> logOp();
const rest = events - "colour";

export default workflow("x", price + rest);
