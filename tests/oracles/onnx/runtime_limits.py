"""The limits of a release of ONNX Runtime, found by loading graphs of one node until it refuses → a line of JSON.

    pip install --no-deps --target DIR/1.28.0 onnxruntime==1.28.0     # and so on, with a numpy that it accepts
    for v in DIR/*
    do PYTHONPATH=$v python tests/oracles/onnx/runtime_limits.py
    done > tests/fixtures/triton-releases/runtimes.jsonl

`accepts` is the newest opset that a model may declare, `opset` the newest for which the operators below have kernels. A runtime reads an opset before it implements
all of it. Needs no `onnx` package: the runtime's own rules are measured, and no package that writes models may refuse first.
"""
import json

import onnxruntime as ort

ort.set_default_logger_severity(4)
FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9

# Operators that opsets 19 to 25 defined anew, and some of every graph: their inputs' types, their output's, integer attributes.
OPERATORS = {
    "Add": ([FLOAT, FLOAT], FLOAT, {}),
    "MatMul": ([FLOAT, FLOAT], FLOAT, {}),
    "Gather": ([FLOAT, INT64], FLOAT, {}),
    "Equal": ([STRING, STRING], BOOL, {}),
    "Cast": ([FLOAT], INT64, {"to": INT64}),
    "Identity": ([FLOAT], FLOAT, {}),
    "Flatten": ([FLOAT], FLOAT, {}),
    "Reshape": ([FLOAT, INT64], FLOAT, {}),
    "Shape": ([FLOAT], INT64, {}),
    "Squeeze": ([FLOAT], FLOAT, {}),
    "Unsqueeze": ([FLOAT, INT64], FLOAT, {}),
    "Transpose": ([FLOAT], FLOAT, {}),
    "Pad": ([FLOAT, INT64], FLOAT, {}),
    "ConstantOfShape": ([INT64], FLOAT, {}),
    "ReduceMax": ([FLOAT], FLOAT, {}),
    "TopK": ([FLOAT, INT64], FLOAT, {}),
}


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def value(name, dtype, vector=False):
    """A tensor of one dimension, or of a rank that isn't known."""
    shape = message(2, message(1, message(2, "n"))) if vector else b""
    return message(1, name) + message(2, message(1, number(1, dtype) + shape))


def model(ir, opset, operator="Add", ml=None):
    inputs, output, attributes = OPERATORS.get(operator, ([FLOAT], FLOAT, {}))
    node = b"".join(message(1, f"x{i}") for i in range(len(inputs))) + message(2, "y")
    if operator == "TopK":
        node += message(2, "places")
    node += message(4, operator)
    for name, n in attributes.items():
        node += message(5, message(1, name) + number(3, n) + number(20, 2))
    if ml is not None:
        node += message(7, "ai.onnx.ml")
    graph = message(1, node) + message(2, "g")
    # Dimensions and paddings are vectors.
    graph += b"".join(message(11, value(f"x{i}", t, t == INT64)) for i, t in enumerate(inputs)) + message(12, value("y", output))
    domains = message(8, number(2, opset))
    if ml is not None:
        domains += message(8, message(1, "ai.onnx.ml") + number(2, ml))
    return number(1, ir) + message(7, graph) + domains


def loads(data):
    try:
        ort.InferenceSession(data, providers=["CPUExecutionProvider"])
        return True
    except Exception as error:
        global refused
        refused = str(error)
        return False


def newest(make, first):
    n = first
    if not loads(make(n)):
        raise SystemExit(f"{ort.__version__}: {first} is refused already: {refused}")
    while loads(make(n + 1)):
        n += 1
    return n


ir = newest(lambda n: model(n, 13), 7)
accepts = newest(lambda n: model(ir, n), 14)
opset = min(accepts, *(newest(lambda n, o=o: model(ir, n, o), 18 if o != "Equal" else 19) for o in OPERATORS if o != "Equal"))
missing = [o for o in OPERATORS if not loads(model(ir, accepts, o))]
ml = newest(lambda n: model(ir, opset, "Binarizer", n), 2)
print(json.dumps({"onnxruntime": ort.__version__, "accepts": accepts, "opset": opset, "ml": ml, "ir": ir, "missing": missing}))
