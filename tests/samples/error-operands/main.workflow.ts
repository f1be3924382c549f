import { clip, logOp, source, workflow } from "merlon";

const events = source({ price: "float32", age: "int32" });
const loose = events["price"] >> logOp() + events["age"];
const listed = [events["price"], events["age"]] >> clip({ min: 0 });
const added = events["price"] + [events["age"]];
const deep = [[["price", "age"]]] >> clip({ min: 0 });
const none = events[[]] >> clip({ min: 0 });

export default workflow("x", loose + listed + added + deep + none);
