import { clip, fillMissing, source, workflow } from "merlon";

const events = source({ brand: "string", price: "float32" });
const numbers = events >> clip({ min: 0 });
const filled = ["brand"] >> fillMissing(0);

export default workflow("x", numbers + filled);
