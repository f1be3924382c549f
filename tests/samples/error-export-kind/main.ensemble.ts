import { source, workflow } from "merlon";

const events = source({ price: "float32" });
const prices = workflow("prices", events);

export default prices;
