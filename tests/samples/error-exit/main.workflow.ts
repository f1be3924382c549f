import { source, workflow } from "merlon";

const events = source({ price: "float32" });
await new Promise(() => undefined);

export default workflow("x", events);
