import { logOp, source, workflow } from "merlon";

const events = source({ price: "float32", age: "int32" });
const double = events["price"] * 2;
const more = events["price"] + 1;
const less = events - 1;
const text = events["price"] + "age";
const piped = events["price"] | logOp();
const shifted = events["price"] >>> logOp();
const turned = logOp() << events["price"];

export default workflow("x", events);
