import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32" });
const a = events["price"] >> logOp;
const b = 5 >> logOp();
const c = events["price"] >> "log";
const d = events["price"] + 3 * 2;
const e = events["price"] - events;

export default workflow("x", a + b + c + d + e);
