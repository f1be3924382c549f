import { source, workflow } from "merlon";

const events = source({ price: "float32" });

export const prices = workflow("prices", events);
