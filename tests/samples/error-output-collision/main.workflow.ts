import { fillMissing, source, workflow } from "merlon";

const events = source({ price: "float32", price_filled: "float32" });

export default workflow("x", events["price"] + events["price_filled"] >> fillMissing(0, { addBinaryColumns: true }));
