"""Writes a small ONNX model and what onnxruntime answers for rows of it: tests/fixtures/predict/.

    pip install onnx onnxruntime numpy && python tests/oracles/predict/generate.py
"""
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "predict"
FIXTURES.mkdir(parents=True, exist_ok=True)

rng = np.random.RandomState(3)
weights = {"table": rng.randn(5, 2).astype("float32"), "w": rng.randn(3, 2).astype("float32")}
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [
        helper.make_node("Gather", ["table", "item_id"], ["looked_up"]),
        helper.make_node("MatMul", ["vector", "w"], ["projected"]),
        helper.make_node("Add", ["looked_up", "projected"], ["sum"]),
        helper.make_node("Mul", ["sum", "price"], ["embedding"]),
        helper.make_node("ReduceSum", ["embedding", "axes"], ["score"], keepdims=1),
        helper.make_node("Identity", ["item_id"], ["id"]),
    ],
    "tower",
    [value("item_id", TensorProto.INT64, ["n"]), value("price", TensorProto.FLOAT, ["n", 1]), value("vector", TensorProto.FLOAT, ["n", 3])],
    [value("embedding", TensorProto.FLOAT, ["n", 2]), value("score", TensorProto.FLOAT, ["n", 1]), value("id", TensorProto.INT64, ["n"])],
    [numpy_helper.from_array(array, name) for name, array in weights.items()] + [numpy_helper.from_array(np.array([1]), "axes")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, FIXTURES / "tower.onnx")

inputs = {
    "item_id": np.array([0, 4, 2, 2, 1], dtype="int64"),
    "price": np.array([[1.5], [0.25], [3.0], [-1.0], [0.0]], dtype="float32"),
    "vector": rng.randn(5, 3).astype("float32"),
}
names = [output.name for output in model.graph.output]
answers = dict(zip(names, onnxruntime.InferenceSession(str(FIXTURES / "tower.onnx")).run(names, inputs)))
columns = lambda arrays: {name: (a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a).tolist() for name, a in arrays.items()}
(FIXTURES / "rows.json").write_text(json.dumps({"inputs": columns(inputs), "outputs": columns(answers)}) + "\n")
