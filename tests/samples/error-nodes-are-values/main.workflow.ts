import { clip, logOp, source, workflow } from "merlon";

const events = source({ price: "float32", age: "int32" });
const columns = ["price", "age"];
const dot = events.price >> logOp();
const near = events.prize >> logOp();
const called = events("price") >> logOp();
const twice = clip({ min: 0 })() as never;
let all = events;
for (const name of columns) all = all + (events[name] >> logOp());
const first = events[0] >> logOp();
events["log"] = events["price"] >> logOp();
const few = events["price"] >> clip();
const unnamed = workflow(events);

export default workflow("x", dot + near + called + first + few);
