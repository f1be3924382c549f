import { categorify, filter, lambdaOp, normalize, source, subgraph, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", city: "string", price: "float32", label: "int32" });
const labelled = events >> filter(row => row.label != null);
const ids = labelled[["user_id", "item_id"]] >> categorify();
const city = labelled["city"] >> categorify();
const price = labelled["price"] >> normalize({ outDtype: "float32" });
const paid = labelled >> lambdaOp((price, label) => price * label, { name: "paid", dtype: "float32" });

const user = subgraph("user", ids["user_id"] + city);
const item = subgraph("item", ids["item_id"] + price);

export default workflow("events", user + item + paid + labelled["label"]);
