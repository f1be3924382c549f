"""Runs graphs on the ONNX Runtime of Triton, after ONNX's checker and strict shape inference, and looks for unused parts.

Reads one JSON request a line from stdin, `{"graph": key, "onnx": base64 (the first time), "inputs": {name: {"dtype", "shape", "hex" or "texts"}}}`, and
writes one answer a line: `{"outputs": …}` in the same form, or `{"error": …}`.
"""
import base64
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort
from graph_checks import check

sessions = {}
# Draws are the same in each run of a test.
ort.set_seed(7)


def opened(key, encoded):
    if key not in sessions:
        model = onnx.load_model_from_string(base64.b64decode(encoded))
        check(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        sessions[key] = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return sessions[key]


def read(tensor):
    if tensor["dtype"] == "string":
        array = np.empty(len(tensor["texts"]), dtype=object)
        array[:] = tensor["texts"]
    else:
        array = np.frombuffer(bytes.fromhex(tensor["hex"]), tensor["dtype"])
    return array.reshape(tensor["shape"])


def write(array):
    if array.dtype == object:
        return {"dtype": "string", "shape": list(array.shape), "texts": [str(text) for text in array.reshape(-1)]}
    return {"dtype": array.dtype.name, "shape": list(array.shape), "hex": np.ascontiguousarray(array).tobytes().hex()}


for line in sys.stdin:
    asked = json.loads(line)
    try:
        session = opened(asked["graph"], asked.get("onnx"))
        names = [output.name for output in session.get_outputs()]
        given = {name: read(tensor) for name, tensor in asked["inputs"].items()}
        made = session.run(names, given)
        said = {"outputs": {name: write(array) for name, array in zip(names, made)}}
    except Exception as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
