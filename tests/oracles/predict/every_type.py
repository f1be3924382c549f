"""Writes an ONNX model with every dtype of an ONNX Runtime tensor, and onnxruntime's results for rows of it: tests/fixtures/predict/every-type*.

Its tables are external data, in a folder below that of the model.

    pip install onnx onnxruntime numpy && python tests/oracles/predict/every_type.py
"""
import base64
import json
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "predict" / "every-type"
shutil.rmtree(FIXTURES, ignore_errors=True)
(FIXTURES / "weights").mkdir(parents=True)

# Six values of each dtype: the ends of its range, and values that distinguish it from its neighbors.
whole = lambda dtype: [np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1, np.iinfo(dtype).max - 1, 7]
VALUES = {
    "bool": [True, False, True, True, False, False],
    **{name: whole(name) for kind in ("int", "uint") for name in (f"{kind}{bits}" for bits in (8, 16, 32, 64))},
    "float16": [-65504.0, 6.0e-8, -0.0, np.inf, np.nan, 1.0009765625],
    "float32": [-3.4028234663852886e38, 1.401298464324817e-45, -0.0, np.inf, np.nan, 1.0000001192092896],
    "float64": [-1.7976931348623157e308, 5e-324, -0.0, np.inf, np.nan, 1.0000000000000002],
    "string": ["", "Ghent", "naïve", "日本", "a\nb", "\U0001f600"],
}
ONNX = {name: TensorProto.STRING if name == "string" else helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in VALUES}
array = lambda name, values: np.array(values, dtype=object if name == "string" else name)
value = helper.make_tensor_value_info

nodes, inputs, outputs, tables, feeds = [], [value("pick", TensorProto.INT64, ["n"])], [], [], {"pick": np.array([5, 0, 2], dtype="int64")}
# Constants of the shape inference, which reads no external data.
for name, constant in (("one", [1]), ("start", [0]), ("end", [-1]), ("last", 2)):
    nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(constant))))
for name, values in VALUES.items():
    kind = ONNX[name]
    cells = array(name, values)
    tables.append(numpy_helper.from_array(cells, f"{name}_table"))
    # A scalar and the table's value for `pick`, side by side. Then the last of a vector of three, and the first of a list of any length.
    nodes += [
        helper.make_node("Gather", [f"{name}_table", "pick"], [f"{name}_known"]),
        helper.make_node("Unsqueeze", [f"{name}_known", "one"], [f"{name}_known_column"]),
        helper.make_node("Concat", [f"{name}_one", f"{name}_known_column"], [f"{name}_pair"], axis=1),
        helper.make_node("Gather", [f"{name}_three", "last"], [f"{name}_last"], axis=1),
        helper.make_node("Slice", [f"{name}_list__offsets", "start", "end"], [f"{name}_starts"]),
        helper.make_node("Gather", [f"{name}_list__values", f"{name}_starts"], [f"{name}_first"]),
    ]
    inputs += [
        value(f"{name}_one", kind, ["n", 1]),
        value(f"{name}_three", kind, ["n", 3]),
        value(f"{name}_list__values", kind, ["items"]),
        value(f"{name}_list__offsets", TensorProto.INT32, ["ends"]),
    ]
    outputs += [value(f"{name}_pair", kind, ["n", 2]), value(f"{name}_last", kind, ["n"]), value(f"{name}_first", kind, ["n"])]
    feeds |= {
        f"{name}_one": cells[:3].reshape(3, 1),
        f"{name}_three": cells[[5, 4, 3, 2, 1, 0, 3, 3, 4]].reshape(3, 3),
        f"{name}_list__values": cells,
        f"{name}_list__offsets": np.array([0, 1, 4, 6], dtype="int32"),
    }
graph = helper.make_graph(nodes, "every_type", inputs, outputs, tables)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, FIXTURES / "every_type.onnx", save_as_external_data=True, location="weights/tables.bin", size_threshold=0)
(FIXTURES / "weights" / "tables.bin").chmod(0o644)

names = [output.name for output in graph.output]
answers = dict(zip(names, onnxruntime.InferenceSession(str(FIXTURES / "every_type.onnx")).run(names, feeds)))


def tensors(arrays):
    """Numbers as their bytes: JSON has no NaN, and no int64."""
    told = {}
    for name, cells in arrays.items():
        text = cells.dtype == object
        data = cells.ravel().tolist() if text else base64.b64encode(cells.tobytes()).decode()
        told[name] = {"dtype": "string" if text else cells.dtype.name, "shape": list(cells.shape), "data": data}
    return told


# Into `fixtures`: one tensor a line.
parts = [f'"{side}": {{\n' + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in tensors(of).items()) + "\n}" for side, of in (("inputs", feeds), ("outputs", answers))]
(FIXTURES / "rows.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")

# Scalars of every dtype as they are: what a column may be cast to.
casts = helper.make_graph(
    [helper.make_node("Identity", [name], [f"as_{name}"]) for name in VALUES],
    "casts",
    [value(name, ONNX[name], ["n"]) for name in VALUES],
    [value(f"as_{name}", ONNX[name], ["n"]) for name in VALUES],
)
onnx.save(helper.make_model(casts, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), FIXTURES.parent / "casts.onnx")
