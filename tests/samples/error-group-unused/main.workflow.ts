import { clip, logOp, source, workflow } from "merlon";

const events = source({ price: "float32", age: "int32", brand: "string" });

const limited = [["price", "age"]] >> clip({ min: 0 });
const pair = events[[["price", "age"]]] + events["brand"] - "brand";

export default workflow("groups", limited + (pair >> logOp()));
