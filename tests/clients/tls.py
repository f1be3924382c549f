"""Calls a server over TLS with tritonclient: tls.py URL ROOT [KEY CERTIFICATE]. Prints the response, or the code of the refusal, as JSON."""
import json
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

url, root, *own = sys.argv[1:]
key, certificate = own if own else (None, None)
client = triton.InferenceServerClient(
    url, ssl=True, root_certificates=root, private_key=key, certificate_chain=certificate
)
try:
    tensor = triton.InferInput("INPUT0", [1, 4], "INT32")
    tensor.set_data_from_numpy(np.array([[1, 2, 3, 4]], np.int32))
    answer = client.infer("echo_int32", [tensor], client_timeout=5)
    print(json.dumps({"ready": client.is_server_ready(), "answer": answer.as_numpy("OUTPUT0").tolist()}))
except InferenceServerException as fault:
    print(json.dumps({"refused": fault.status()}))
