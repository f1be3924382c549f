"""The compiled example through the official Python client, over both protocols; prints what it saw as JSON.

usage: entry.py GRPC_PORT HTTP_PORT USER_ID...
"""
import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
from google.protobuf.json_format import MessageToDict

grpc_port, http_port, *users = sys.argv[1:]
ids = np.array([[int(user)] for user in users], np.int64)


def ask(module, port, as_dict):
    client = module.InferenceServerClient(f"127.0.0.1:{port}")
    tensor = module.InferInput("user_id", list(ids.shape), "INT64")
    tensor.set_data_from_numpy(ids)
    answer = client.infer("recommend", [tensor], parameters={"seed": 7})
    again = client.infer("recommend", [tensor], parameters={"seed": 7})
    ordered = answer.as_numpy("ordered_ids")
    metadata = as_dict(client.get_model_metadata("recommend"))
    config = as_dict(client.get_model_config("recommend"))
    return {
        "ready": client.is_server_ready() and client.is_model_ready("recommend") and client.is_model_ready("recommend_dlrm"),
        "metadata": [[t["name"], t["datatype"], [int(d) for d in t["shape"]]] for t in metadata["inputs"] + metadata["outputs"]],
        "backend": config.get("config", config)["backend"],
        "shape": list(ordered.shape),
        "distinct": all(len(set(row)) == len(row) for row in ordered.tolist()),
        "ids": ordered.tolist(),
        "repeatable": bool((ordered == again.as_numpy("ordered_ids")).all()),
        "scores": answer.as_numpy("ordered_scores").shape == ordered.shape,
    }




print(json.dumps({
    "grpc": ask(tritonclient.grpc, grpc_port, lambda message: MessageToDict(message, preserving_proto_field_name=True)),
    "http": ask(tritonclient.http, http_port, lambda answer: answer),
}))
