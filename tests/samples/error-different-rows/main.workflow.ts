import { clip, filter, source, workflow } from "merlon";

const events = source({ user_id: "int64", price: "float32" });
const kept = events >> filter(row => row.price > 0);
const capped = kept["price"] >> clip({ max: 100 });

export default workflow("rows", events["user_id"] + capped);
