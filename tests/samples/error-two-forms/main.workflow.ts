import { clip, source, workflow } from "merlon";

const events = source({ price: "float32" });

export default workflow("two-forms", ["price"] >> clip({ min: 0 }));
