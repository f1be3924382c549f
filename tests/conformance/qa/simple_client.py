"""simple_client.py http|grpc [-u URL]: sends one request to the model `simple` and checks its answer. The examples simple_http_infer_client and
simple_grpc_infer_client of the client's repository do the same. Those are C++ and absent."""

import importlib
import sys

import numpy as np

protocol, *rest = sys.argv[1:]
client = importlib.import_module(f"tritonclient.{protocol}")
port = 8000 if protocol == "http" else 8001
url = rest[rest.index("-u") + 1] if "-u" in rest else f"localhost:{port}"
values = [np.arange(16, dtype=np.int32).reshape(1, 16), np.ones((1, 16), dtype=np.int32)]
inputs = [client.InferInput(f"INPUT{i}", [1, 16], "INT32") for i in range(2)]
for tensor, value in zip(inputs, values):
    tensor.set_data_from_numpy(value)
outputs = [client.InferRequestedOutput(f"OUTPUT{i}") for i in range(2)]
with client.InferenceServerClient(url) as server:
    answer = server.infer("simple", inputs, outputs=outputs)
for name, expected in [("OUTPUT0", values[0] + values[1]), ("OUTPUT1", values[0] - values[1])]:
    if not np.array_equal(answer.as_numpy(name), expected):
        sys.exit(f"error: incorrect {name}")
print("PASS : Infer")
