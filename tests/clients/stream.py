"""Sends three requests over one gRPC stream, the middle one invalid, and prints the responses as JSON.

usage: stream.py GRPC_PORT
"""
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpcclient

client = grpcclient.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}")
answers = queue.Queue()
client.start_stream(callback=lambda result, error: answers.put((result, error)))
for i, width in enumerate([4, 5, 4]):
    tensor = grpcclient.InferInput("INPUT0", [1, width], "INT32")
    tensor.set_data_from_numpy(np.full((1, width), i, dtype=np.int32))
    client.async_stream_infer("echo_int32", [tensor], request_id=str(i), enable_empty_final_response=True)
report = []
for _ in range(3):
    result, error = answers.get(timeout=10)
    if error:
        report.append({"error": error.message()})
    else:
        response = result.get_response()
        report.append({
            "id": response.id,
            "values": result.as_numpy("OUTPUT0").ravel().tolist(),
            "final": response.parameters["triton_final_response"].bool_param,
        })
client.stop_stream()
print(json.dumps(report))
