import { clip, ensemble, source } from "merlon";

const request = source({ price: "float32", label: "float32" });

export default ensemble("priced", request >> clip({ min: 0 }), { removeInputs: ["lable"] });
