import { ensemble, predictOnnx, source } from "merlon";

const request = source({ item: "int64", age: "float32", pixels: "float32", past: "list<int64>" });
const scores = request >> predictOnnx("../artefacts/models/ranker.onnx");
const bound = request >> predictOnnx("../artefacts/models/ranker.onnx", { inputs: { item_idd: "item" } });
const shape = request >> predictOnnx("../artefacts/models/image.onnx");
const matrix = request >> predictOnnx("../artefacts/models/matrix.onnx", { constants: { scale: 2 }, pad: { past: { value: 0 } } });
const row = request >> predictOnnx("../artefacts/models/one_row.onnx", { inputs: { x: "age" } });
const rows = request >> predictOnnx("../artefacts/models/one_row.onnx", { inputs: { x: "age" }, batchSize: 1 });

export default ensemble("x", scores + bound + shape + matrix + row + rows);
