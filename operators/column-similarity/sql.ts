export { throughKernel as columnSimilarity } from "../../runtime/etl/sql/kernel-function.js";
