"""Records what a client of Merlin Systems 23.08 puts on the wire: its own `send_triton_request` over gRPC, against a server that only listens.

    FEAST_USAGE=False python tests/oracles/merlin/generate.py

Environment: tests/oracles/nvtabular/requirements.txt, then `pip install --no-deps -r` its requirements-no-deps.txt and
`pip install --no-deps -r tests/oracles/merlin/requirements-no-deps.txt`.
"""

import json
import warnings
from concurrent import futures
from pathlib import Path

warnings.simplefilter("ignore")
import grpc
import numpy as np
import pandas as pd
from google.protobuf.json_format import MessageToDict
from merlin.schema import ColumnSchema, Schema
from merlin.systems.triton.utils import send_triton_request
from merlin.table import TensorTable
from tritonclient.grpc import service_pb2, service_pb2_grpc

OUT = Path(__file__).parents[2] / "fixtures" / "merlin" / "requests.json"
seen = []


class Listener(service_pb2_grpc.GRPCInferenceServiceServicer):
    def ServerLive(self, request, context):
        return service_pb2.ServerLiveResponse(live=True)

    def ModelInfer(self, request, context):
        seen.append(request)
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        for output in request.outputs:
            tensor = answer.outputs.add(name=output.name, datatype="INT64", shape=[1])
            answer.raw_output_contents.append(np.zeros(1, np.int64).tobytes())
        return answer


server = grpc.server(futures.ThreadPoolExecutor(1))
service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Listener(), server)
endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()


def record(name, columns, inputs, outputs):
    send_triton_request(Schema(columns), inputs, outputs, endpoint=endpoint)
    request = seen.pop()
    return {
        "name": name,
        "model": request.model_name,
        "inputs": [
            {**MessageToDict(tensor), "hex": raw.hex()} for tensor, raw in zip(request.inputs, request.raw_input_contents)
        ],
        "outputs": [output.name for output in request.outputs],
    }


user = [ColumnSchema("user_id", dtype=np.int64)]
cases = [
    record("multi_stage", user, pd.DataFrame({"user_id": np.array([1], np.int64)}), ["ordered_ids", "ordered_scores"]),
    record("multi_stage", user, pd.DataFrame({"user_id": np.array([1, 2], np.int64)}), ["ordered_ids", "ordered_scores"]),
    # Texts are left out: Merlin's helper has no tensor for them.
    record(
        "session",
        [ColumnSchema("session", dtype=np.int64, is_list=True, is_ragged=True)],
        TensorTable({"session": (np.array([11, 40, 12, 13, 20], np.int64), np.array([0, 2, 5], np.int32))}),
        ["filtered_ids"],
    ),
]
server.stop(0)
OUT.parent.mkdir(exist_ok=True)
OUT.write_text(json.dumps(cases, indent=1) + "\n")
