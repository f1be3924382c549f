"""Small ONNX graphs with difficult signatures, and the onnx package's view of them. Pin: onnx==1.19.0 or newer.

Run: python tests/oracles/onnx/make_models.py tests/fixtures/onnx
"""
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as n

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
info = h.make_tensor_value_info
weight = n.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "w")

models = {}
# An initializer that is also an input, a symbolic and an unknown dimension, a scalar, strings.
models["inputs"] = h.make_model(h.make_graph(
    [h.make_node("MatMul", ["x", "w"], ["y"]), h.make_node("Identity", ["name"], ["echo"]), h.make_node("Identity", ["one"], ["same"])], "g",
    [info("x", T.FLOAT, ["batch", 3]), info("w", T.FLOAT, [3, 2]), info("name", T.STRING, [None]), info("one", T.INT64, [])],
    [info("y", T.FLOAT, ["batch", 2]), info("echo", T.STRING, [None]), info("same", T.INT64, [])], [weight]),
    opset_imports=[h.make_opsetid("", 17), h.make_opsetid("com.example", 3)])
# Weights in other files, one of them inside a branch.
branch = h.make_graph([h.make_node("Add", ["x", "b"], ["z"])], "then", [], [info("z", T.FLOAT, ["n"])], [n.from_array(np.ones(1, np.float32), "b")])
other = h.make_graph([h.make_node("Identity", ["x"], ["z2"])], "else", [], [info("z2", T.FLOAT, ["n"])])
models["external"] = h.make_model(h.make_graph(
    [h.make_node("If", ["c"], ["y0"], then_branch=branch, else_branch=other), h.make_node("Add", ["y0", "big"], ["y"])], "g",
    [info("x", T.FLOAT, ["n"]), info("c", T.BOOL, [1])], [info("y", T.FLOAT, ["n"])], [n.from_array(np.zeros(1, np.float32), "big")]),
    opset_imports=[h.make_opsetid("", 15)])

def move(tensor, location):
    tensor.ClearField("raw_data")
    tensor.data_location = T.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="offset", value="0")

move(models["external"].graph.initializer[0], "weights.bin")
move(next(a for a in models["external"].graph.node[0].attribute if a.name == "then_branch").g.initializer[0], "branch/b.bin")
models["escaping"] = onnx.ModelProto()
models["escaping"].CopyFrom(models["inputs"])
move(models["escaping"].graph.initializer[0], "../secret.bin")

def describe(values, hidden=()):
    dim = lambda d: d.dim_value if d.HasField("dim_value") else d.dim_param or None
    return [{"name": v.name, "type": v.type.tensor_type.elem_type, "shape": [dim(d) for d in v.type.tensor_type.shape.dim]} for v in values if v.name not in hidden]

answers = {}
for name, model in models.items():
    (out / f"{name}.onnx").write_bytes(model.SerializeToString())
    initializers = {t.name for t in model.graph.initializer}
    answers[name] = {"inputs": describe(model.graph.input, initializers), "outputs": describe(model.graph.output), "opset": next(o.version for o in model.opset_import if o.domain == "")}
(out / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
