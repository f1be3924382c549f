import { clip, filter, lambdaOp, source, workflow } from "merlon";

const events = source({ user_id: "int64", price: "float32" });
const kept = events >> filter(row => row.price > 0);
const capped = kept["price"] >> clip({ max: 100 });
const mixed = (events["user_id"] + capped) >> lambdaOp((user_id, price) => user_id * price, { name: "mixed" });

export default workflow("rows", events["user_id"] + capped + mixed);

