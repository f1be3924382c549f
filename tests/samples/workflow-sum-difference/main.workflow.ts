import { fillMissing, rename, source, workflow } from "merlon";

const events = source({ user_id: "int64", price: "float32", age: "int32", label: "int8" });

const numbers = events - "user_id" - ["label"];
const flagged = numbers >> fillMissing(0, { addBinaryColumns: true });
const both = (flagged >> rename({ prefix: "filled_" })) + events["label"];

export default workflow("numbers", both.plus(events[["price", "label"]], { wins: "right" }));
