"""The ONNX graphs of Triton's suite L0_batch_input (`qa/common/gen_qa_ragged_models.py`, and the identity of `gen_qa_identity_models.py`).
Pin: onnx==1.19.0 or newer.

Run: python tests/oracles/triton/ragged_models.py tests/fixtures/ragged
"""
import pathlib
import sys

from onnx import TensorProto as T
from onnx import helper as h

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
info = lambda name, *shape: h.make_tensor_value_info(name, T.FLOAT, list(shape))
constant = lambda name, *values: h.make_node("Constant", [], [name], value=h.make_tensor(name, T.INT64, [len(values)], values))


def save(name, nodes, inputs, outputs):
    model = h.make_model(h.make_graph(nodes, name, inputs, outputs), opset_imports=[h.make_opsetid("", 16)])
    model.ir_version = 8
    (out / f"{name}.onnx").write_bytes(model.SerializeToString())


# Each output is its input once for each request: what the server put together reaches every client.
save(
    "batch_input",
    [
        constant("shape", 1, -1),
        constant("expander_shape", -1, 1),
        h.make_node("Reshape", ["RAGGED_INPUT", "shape"], ["in_mat"]),
        h.make_node("Reshape", ["BATCH_AND_SIZE_INPUT", "shape"], ["bs_mat"]),
        h.make_node("Reshape", ["BATCH_INPUT", "shape"], ["batch_mat"]),
        h.make_node("Div", ["BATCH_AND_SIZE_INPUT", "BATCH_AND_SIZE_INPUT"], ["expander_int"]),
        h.make_node("Reshape", ["expander_int", "expander_shape"], ["expander"]),
        h.make_node("MatMul", ["expander", "in_mat"], ["RAGGED_OUTPUT"]),
        h.make_node("MatMul", ["expander", "bs_mat"], ["BATCH_AND_SIZE_OUTPUT"]),
        h.make_node("MatMul", ["expander", "batch_mat"], ["BATCH_OUTPUT"]),
    ],
    [info("RAGGED_INPUT", None), info("BATCH_AND_SIZE_INPUT", None), info("BATCH_INPUT", None)],
    [info("RAGGED_OUTPUT", None, None), info("BATCH_AND_SIZE_OUTPUT", None, None), info("BATCH_OUTPUT", None, None)],
)
save(
    "batch_item",
    [h.make_node("Identity", ["BATCH_INPUT"], ["BATCH_OUTPUT"])],
    [info("RAGGED_INPUT", None), info("BATCH_INPUT", None, 2)],
    [info("BATCH_OUTPUT", None, None)],
)
save("identity", [h.make_node("Identity", ["INPUT0"], ["OUTPUT0"])], [info("INPUT0", None)], [info("OUTPUT0", None)])
# Not of the suite: implicit state that grows by a value with each request.
save(
    "growing_state",
    [
        h.make_node("Concat", ["INPUT_STATE", "INPUT"], ["OUTPUT_STATE"], axis=1),
        constant("axes", 1),
        h.make_node("ReduceSum", ["OUTPUT_STATE", "axes"], ["OUTPUT"], keepdims=1),
    ],
    [info("INPUT", None, 1), info("INPUT_STATE", None, None), info("READY", None, 1)],
    [info("OUTPUT", None, 1), info("OUTPUT_STATE", None, None)],
)
