import { clip, ensemble, lambdaOp, source } from "merlon";

const request = source.fromSchema("../artefacts/etl/user");
const events = source({ price: "float32", quantity: "int32", label: "float32" });

const numbers = events[["price", "label"]] >> clip({ min: 0 });
const error = events >> lambdaOp((price, label) => price - label, { name: "error" });

export default ensemble("without-label", request["age"] + numbers + error + events["quantity"], { removeInputs: ["label"] });
