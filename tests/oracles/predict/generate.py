"""Writes a small ONNX model and onnxruntime's results for rows of it: tests/fixtures/predict/.

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

# Lists as a pair of tensors, as merlon-lab exports them: the sum of each row's weights, by differences of a running sum.
graph = helper.make_graph(
    [
        helper.make_node("Gather", ["weights", "genres__values"], ["items"]),
        helper.make_node("CumSum", ["items", "axis"], ["running"]),
        helper.make_node("Concat", ["zero", "running"], ["sums"], axis=0),
        helper.make_node("Gather", ["sums", "genres__offsets"], ["at"]),
        helper.make_node("Slice", ["at", "one", "end", "axis0"], ["ends"]),
        helper.make_node("Slice", ["at", "start", "minus_one", "axis0"], ["begins"]),
        helper.make_node("Sub", ["ends", "begins"], ["listed"]),
        helper.make_node("Add", ["listed", "price"], ["total"]),
    ],
    "lists",
    [
        value("genres__values", TensorProto.INT64, ["items"]),
        value("genres__offsets", TensorProto.INT64, ["ends"]),
        value("price", TensorProto.FLOAT, ["n"]),
    ],
    [value("total", TensorProto.FLOAT, ["n"])],
    [
        numpy_helper.from_array(rng.randn(6).astype("float32"), "weights"),
        numpy_helper.from_array(np.zeros(1, "float32"), "zero"),
        numpy_helper.from_array(np.array(0), "axis"),
        *(numpy_helper.from_array(np.array([number]), name) for name, number in (("one", 1), ("start", 0), ("minus_one", -1), ("end", 2**62), ("axis0", 0))),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, FIXTURES / "lists.onnx")
genres = [[0, 5, 2], [], [1], [3, 3, 4, 0], []]
price = np.array([1.5, 0.25, 3, -1, 0], "float32")
feeds = {
    "genres__values": np.array(sum(genres, []), "int64"),
    "genres__offsets": np.cumsum([0, *map(len, genres)]).astype("int64"),
    "price": price,
}
(total,) = onnxruntime.InferenceSession(str(FIXTURES / "lists.onnx")).run(None, feeds)
(FIXTURES / "lists.json").write_text(json.dumps({"inputs": {"genres": genres, "price": price.tolist()}, "outputs": {"total": total.tolist()}}) + "\n")
