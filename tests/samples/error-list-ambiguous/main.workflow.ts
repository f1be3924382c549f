import { clip, source, workflow } from "merlon";

const events = source({ price: "float32" });
const others = source({ age: "int32" });
const price = ["price"] >> clip({ min: 0 });

export default workflow("x", price + others);
