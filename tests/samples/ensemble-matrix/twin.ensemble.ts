import { ensemble, predictOnnx, source } from "merlon";
const request = source({ age: "float32", visits: "int32", stock: "float64", history: "list<int64>" });
const score = (request).pipe(predictOnnx("../artefacts/models/matrix.onnx", {
  stack: { X: ["age", "visits", "stock"] },
  inputs: { past: "history" },
  pad: { past: { side: "left" } },
  constants: { scale: 0.5 },
  batchSize: 2,
}));
export default ensemble("matrix", score);