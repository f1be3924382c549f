"""Calls the models of the client's contract over gRPC, HTTP and a stream with the official client, and prints the responses as JSON.

usage: ask_everything.py GRPC_PORT HTTP_PORT
"""
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

HEADERS = {"authorization": "Bearer very-secret", "x-team": "ranking"}
rng = np.random.default_rng(7)
ASKS = [
    ("echo_fp32", "FP32", rng.standard_normal(200).astype(np.float32)),
    ("echo_fp16", "FP16", np.array([0.1, np.nan, -0.0], dtype=np.float16)),
    ("echo_fp64", "FP64", np.array([np.nan, -0.0, 1e-310])),
    ("echo_int64", "INT64", np.array([2**62, -1, 0])),
    ("echo_uint64", "UINT64", np.array([2**64 - 1], dtype=np.uint64)),
    ("echo_bool", "BOOL", np.array([True, False])),
    ("echo_bytes", "BYTES", np.array(["ä", "", "x" * 300], dtype=np.object_)),
]


def report(module, client, binary=None):
    answers = []
    for model, datatype, values in ASKS:
        tensor = module.InferInput("INPUT0", list(values.shape), datatype)
        if binary is None:
            tensor.set_data_from_numpy(values)
        elif datatype in ("FP16", "FP64") and not binary:
            # JSON has neither.
            continue
        else:
            tensor.set_data_from_numpy(values, binary_data=binary)
        outputs = None if binary is None else [module.InferRequestedOutput("OUTPUT0", binary_data=binary)]
        found = client.infer(model, [tensor], outputs=outputs, headers=dict(HEADERS), request_id="r1").as_numpy("OUTPUT0")
        answers.append([model, found.tolist() if datatype == "BYTES" else found.tobytes().hex()])
    tensor = module.InferInput("INPUT0", [1], "INT32")
    tensor.set_data_from_numpy(np.array([1], dtype=np.int32))
    try:
        client.infer("fail", [tensor], headers=dict(HEADERS))
    except InferenceServerException as error:
        answers.append(["fail", error.message(), str(error.status())])
    return answers


def stream(client):
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)), headers=dict(HEADERS))
    seen = []
    for request, n in (("a", 3), ("b", 2)):
        tensor = grpcclient.InferInput("INPUT0", [1], "INT32")
        tensor.set_data_from_numpy(np.array([n], dtype=np.int32))
        client.async_stream_infer("count", [tensor], request_id=request)
        for _ in range(n):
            try:
                result, error = answers.get(timeout=20)
            except queue.Empty:
                # A stream that fails says so once, in the place of an answer.
                raise SystemExit(f"no answer {len(seen)} on the stream; before it: {seen}") from None
            seen.append(error.message() if error else [result.get_response().id, result.as_numpy("OUTPUT0").tolist()])
    client.stop_stream()
    return seen


grpc_client = grpcclient.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}")
http_client = httpclient.InferenceServerClient(f"127.0.0.1:{sys.argv[2]}")
text = lambda value: value.decode() if isinstance(value, bytes) else value
print(
    json.dumps(
        {
            "grpc": report(grpcclient, grpc_client),
            "http binary": report(httpclient, http_client, True),
            "http json": report(httpclient, http_client, False),
            "stream": stream(grpc_client),
            "metadata": http_client.get_model_metadata("echo_fp32")["inputs"],
        },
        default=text,
    )
)
