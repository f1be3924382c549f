import type { price } from "./shared.merlon";

type Column = (typeof price)["columns"];

/** The type is the other file's: a column of another name would not compile. */
const taxed: Column = "float32 price";
export const RATE = taxed.length > 0 ? 1.19 : 1;
