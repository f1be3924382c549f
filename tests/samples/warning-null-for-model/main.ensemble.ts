import { clip, ensemble, fillMissing, predictOnnx, queryFeast, rename, source } from "merlon";

const request = source({ user_id: "int64", item_id: "int64", age: "float32" });

// A store can hold a null count for a pair that it knows, so the default rule does not rule it out.
const pair = request[["user_id", "item_id"]] >> queryFeast("../artefacts/features", { view: "pair_features" });
const direct = pair + request["age"] >> predictOnnx("../artefacts/models/ranker.onnx", { inputs: { item_id: "count" }, outputs: { "purchase/binary_output": "direct" } });

// Operators that keep nulls: the warning names the column that the model reads.
const clipped = (pair["count"] >> clip({ min: 1 }) >> rename({ postfix: "_clipped" })) + request["age"];
const kept = clipped >> predictOnnx("../artefacts/models/ranker.onnx", { inputs: { item_id: "count_clipped" }, outputs: { "purchase/binary_output": "kept" } });

// Counts that are filled, by an operator or by the store's rule, and floats, which are NaN.
const filled = (pair["count"] >> fillMissing(0)) + request["age"] >> predictOnnx("../artefacts/models/ranker.onnx", { inputs: { item_id: "count" }, outputs: { "purchase/binary_output": "filled" } });
const known = request[["user_id", "item_id"]] >> queryFeast("../artefacts/features", { view: "pair_features", onMissing: { count: { default: 1 } } });
const byRule = known + request["age"] >> predictOnnx("../artefacts/models/ranker.onnx", { inputs: { item_id: "count" }, outputs: { "purchase/binary_output": "by_rule" } });
const user = request["user_id"] >> queryFeast("../artefacts/features", { view: "user_features", features: ["age"], onMissing: "null" });
const floats = user + request["item_id"] >> predictOnnx("../artefacts/models/ranker.onnx", { outputs: { "purchase/binary_output": "floats" } });

export default ensemble("nulls", direct + kept + filled + byRule + floats);
