export { throughKernel as targetEncoding } from "../../runtime/etl/sql/kernel-function.js";
