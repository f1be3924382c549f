"""Calls the standard health service as a Kubernetes probe does, and prints the statuses as JSON.

usage: health.py GRPC_PORT
"""
import json
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
stub = health_pb2_grpc.HealthStub(channel)
names = health_pb2.HealthCheckResponse.ServingStatus


def check(service):
    return names.Name(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status)


print(json.dumps({"whole": check(""), "inference": check("inference.GRPCInferenceService")}))
