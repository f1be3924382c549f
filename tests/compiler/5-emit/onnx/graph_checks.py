"""ONNX's checks of a graph before anything runs it."""
import onnx
from onnx import checker, shape_inference


def check(model, path=None):
    """ONNX's checker and strict shape inference, and nothing in the graph that no answer and no check needs."""
    checker.check_model(path or model, full_check=True)
    shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    dead = dead_code(model.graph)
    assert not dead, f"no answer needs {dead}"


def dead_code(graph):
    """Nodes and initializers that are read by nothing."""
    read = {output.name for output in graph.output}
    dead = []
    for node in reversed(graph.node):
        # A check is called as the fault that it ends a request with.
        is_check = node.op_type in ("Gather", "GatherND") and " " in node.name
        if is_check or any(name in read for name in node.output):
            read.update(node.input)
        else:
            dead.append(node.name)
    return dead + [constant.name for constant in graph.initializer if constant.name not in read]


def load(path):
    """Without the tables beside it."""
    return onnx.load(path, load_external_data=False)
