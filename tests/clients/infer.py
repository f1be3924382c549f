"""Calls a running server through the official client, over gRPC and HTTP, and prints a JSON report of the responses.

usage: infer.py GRPC_PORT HTTP_PORT
"""
import json
import sys

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException


def ask(module, url, kind):
    client = module.InferenceServerClient(url)
    as_json = {"as_json": True} if kind == "grpc" else {}
    report = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("calc_fp32"),
        "server": client.get_server_metadata(**as_json)["name"],
    }
    try:
        report["unknown_ready"] = client.is_model_ready("nosuch")
    except InferenceServerException as error:
        report["unknown_ready"] = error.message()
    metadata = client.get_model_metadata("calc_fp32", **as_json)
    report["inputs"] = [[t["name"], t["datatype"], [int(d) for d in t["shape"]]] for t in metadata["inputs"]]
    config = client.get_model_config("calc_fp32", **as_json)
    report["max_batch_size"] = (config["config"] if kind == "grpc" else config)["max_batch_size"]
    report["index"] = sorted(
        m["name"] for m in (client.get_model_repository_index(**as_json)["models"] if kind == "grpc" else client.get_model_repository_index())
    )

    def infer(model, arrays, outputs, request_id="7"):
        inputs = []
        for name, array, datatype in arrays:
            tensor = module.InferInput(name, list(array.shape), datatype)
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        return client.infer(model, inputs, outputs=[module.InferRequestedOutput(o) for o in outputs], request_id=request_id)

    left = np.arange(8, dtype=np.float32).reshape(2, 4)
    result = infer("calc_fp32", [("LEFT", left, "FP32"), ("RIGHT", left * 2, "FP32")], ["SUM", "DIFF"])
    report["sum"] = result.as_numpy("SUM").tolist()
    report["diff"] = result.as_numpy("DIFF").tolist()
    response = result.get_response()
    report["id"] = response["id"] if kind == "http" else response.id
    words = np.array([["grün", "", "x" * 300, "tail"]], dtype=object)
    report["words"] = [w.decode() for w in infer("echo_bytes", [("INPUT0", words[:, :2], "BYTES")], ["OUTPUT0"]).as_numpy("OUTPUT0").ravel()]
    big = np.array([[2**63 - 1, -(2**63), 0, -1]], dtype=np.int64)
    report["int64"] = [str(v) for v in infer("calc_int64", [("LEFT", big, "INT64"), ("RIGHT", big * 0, "INT64")], ["SUM"]).as_numpy("SUM").ravel()]
    try:
        infer("calc_fp32", [("LEFT", left, "FP32")], ["SUM"])
        report["error"] = None
    except InferenceServerException as error:
        report["error"] = [str(error.status()), error.message()]
    stats = client.get_inference_statistics("calc_fp32", **as_json)["model_stats"][0]
    report["inference_count"] = int(stats["inference_count"])
    report["execution_count"] = int(stats["execution_count"])
    client.close()
    return report


print(json.dumps({
    "grpc": ask(grpcclient, f"127.0.0.1:{sys.argv[1]}", "grpc"),
    "http": ask(httpclient, f"127.0.0.1:{sys.argv[2]}", "http"),
}))
