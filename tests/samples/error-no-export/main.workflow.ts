import { logOp, source } from "merlon";

const events = source({ price: "float32" });
export const price = ["price"] >> logOp();
