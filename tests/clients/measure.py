"""Measures a model with NVIDIA's perf_analyzer and prints its exit code and summary as JSON.

The command of the PyPI package always ends with 0, so the program inside the package is called.

usage: measure.py grpc|http PORT MODEL [perf_analyzer arguments]
"""
import json
import pathlib
import re
import subprocess
import sys

import perf_analyzer

protocol, port, model, *arguments = sys.argv[1:]
program = pathlib.Path(perf_analyzer.__file__).parent / "bin" / "perf_analyzer"
# A rate of requests stands in for a number in flight.
load = [] if "--request-rate-range" in arguments else ["--concurrency-range", "2"]
run = subprocess.run(
    [program, "-m", model, "-i", protocol, "-u", f"127.0.0.1:{port}", "-p", "800", "-s", "95", "-r", "10", *load, *arguments],
    capture_output=True,
    text=True,
    timeout=100,
)
throughput = re.search(r"Throughput: ([\d.]+) infer/sec", run.stdout)
print(json.dumps({
    "exit_code": run.returncode,
    "throughput": float(throughput.group(1)) if throughput else 0,
    # The server's own counts between the windows.
    "counted": int((re.search(r"Inference count: (\d+)", run.stdout) or [0, "0"])[1]),
    "output": run.stdout[-1500:] + run.stderr[-1500:],
}))
