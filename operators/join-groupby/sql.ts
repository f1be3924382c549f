export { throughKernel as joinGroupby } from "../../runtime/etl/sql/kernel-function.js";
