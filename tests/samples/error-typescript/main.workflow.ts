import { clip, source, workflow } from "merlon";

const events = source({ price: "float32" });
const bound: string = 3;

export default workflow("x", ["price"] >> clip({ min: Number(bound) }));
