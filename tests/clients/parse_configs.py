"""Reads every config.pbtxt below the folders given with Triton's own message and protobuf's text format; prints what it reads."""

import json
import sys
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

report = {}
for root in sys.argv[1:]:
    for file in sorted(Path(root).rglob("config.pbtxt")):
        config = text_format.Parse(file.read_text(), model_config_pb2.ModelConfig())
        report[str(file.relative_to(root))] = [config.name, config.backend or config.platform, len(config.ensemble_scheduling.step)]
print(json.dumps(report))
