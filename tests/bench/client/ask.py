"""Calls the server at argv[1] with argv[2] threads for argv[3] seconds; prints calls per second, p50 and CPU as JSON."""

import json
import sys
import threading
import time

import numpy as np
import tritonclient.grpc as triton

address, in_flight, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
client = triton.InferenceServerClient(address)
value = np.arange(16, dtype=np.float32).reshape(1, 16)
times = []


def ask():
    tensor = triton.InferInput("INPUT0", [1, 16], "FP32")
    tensor.set_data_from_numpy(value)
    answer = client.infer("identity", [tensor]).as_numpy("OUTPUT0")
    assert answer[0, 15] == 15


def work(end):
    while time.perf_counter() < end:
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)


for _ in range(50):
    ask()
cpu, began = time.process_time(), time.perf_counter()
threads = [threading.Thread(target=work, args=(began + seconds,)) for _ in range(in_flight)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took, used = time.perf_counter() - began, time.process_time() - cpu
times.sort()
print(json.dumps({"rate": len(times) / took, "p50": times[len(times) // 2] * 1000, "cpu": used * 1e6 / len(times)}))
