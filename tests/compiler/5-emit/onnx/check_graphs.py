"""Lowered repositories → what ONNX's checker, strict shape inference, ONNX Runtime and Triton's own configuration schema say of them, as JSON."""
import json
import pathlib
import sys

import numpy as np
import onnxruntime as ort
from google.protobuf import text_format
from graph_checks import check, load
from tritonclient.grpc import model_config_pb2

DTYPES = {"tensor(int64)": "TYPE_INT64", "tensor(int32)": "TYPE_INT32", "tensor(float)": "TYPE_FP32", "tensor(double)": "TYPE_FP64",
          "tensor(bool)": "TYPE_BOOL", "tensor(string)": "TYPE_STRING"}
report = {"graphs": 0, "tensors": 0}
for repository in sys.argv[2:]:
    for config_file in sorted(pathlib.Path(repository).glob("*/config.pbtxt")):
        config = text_format.Parse(config_file.read_text(), model_config_pb2.ModelConfig())
        graph = config_file.parent / "1" / "model.onnx"
        if config.platform == "ensemble":
            continue
        check(load(graph), str(graph))
        session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        report["graphs"] += 1
        for declared, seen in [(config.input, session.get_inputs()), (config.output, session.get_outputs())]:
            by_name = {t.name: t for t in seen}
            for tensor in declared:
                found = by_name[tensor.name]
                dims = ([-1] if config.max_batch_size > 0 else []) + list(tensor.dims)
                shape = [d if isinstance(d, int) else -1 for d in found.shape]
                assert shape == dims, (str(graph), tensor.name, shape, dims)
                assert DTYPES[found.type] == model_config_pb2.DataType.Name(tensor.data_type), (str(graph), tensor.name)
                report["tensors"] += 1
users = json.loads(sys.argv[1])
fused = ort.InferenceSession(str(pathlib.Path(sys.argv[2]) / "recommend" / "1" / "model.onnx"), providers=["CPUExecutionProvider"])
ids, scores = fused.run(["ordered_ids", "ordered_scores"], {"user_id": np.array(users, dtype=np.int64).reshape(-1, 1)})
print(json.dumps({**report, "ids": ids.tolist(), "scores": scores.tolist()}))
