import { ensemble, predictOnnx, rename, source } from "merlon";

const request = source({ age: "float32", city: "string", history: "list<int64>", past: "int64" });
const model = "../artefacts/models/matrix.onnx";
const matrix = { X: ["age", "age", "age"] };
const pad = { past: {} };
const scale = { scale: 1 };

const narrow = request >> predictOnnx(model, { stack: { X: ["age"] }, pad, inputs: { past: "history" }, constants: scale });
const text = request >> predictOnnx(model, { stack: { X: ["age", "city", "age"] }, pad, inputs: { past: "history" }, constants: scale });
const missing = request >> predictOnnx(model, { stack: { X: ["age", "agee", "age"] }, pad, inputs: { past: "history" }, constants: scale });
const notConstant = request >> predictOnnx(model, { stack: matrix, pad, inputs: { past: "history" }, constants: { scale: "a" } });
const notRagged = request >> predictOnnx(model, { stack: matrix, pad, constants: scale });
const stray = request >> predictOnnx(model, { stack: { Y: ["age"] }, pad, inputs: { past: "history" }, constants: scale });
const half = request >> predictOnnx(model, { stack: matrix, pad: { past: { value: 0.5 } }, inputs: { past: "history" }, constants: scale });

export default ensemble("matrix", narrow + (text >> rename({ prefix: "b" })) + (missing >> rename({ prefix: "c" })) + (notConstant >> rename({ prefix: "d" })) + (notRagged >> rename({ prefix: "e" })) + (stray >> rename({ prefix: "f" })) + (half >> rename({ prefix: "g" })));
