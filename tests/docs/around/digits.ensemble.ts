import { ensemble, lambdaOp, source } from "merlon";
const request = source({ x: "float64" });
export default ensemble("digits", request["x"] >> lambdaOp(x => Math.floor(1e17 * (Math.log10(x + 2) - 0.47712125471966)), { name: "digits", dtype: "int64" }));
