"""Runs the `model.py` of a version folder for `python-model.mjs`: messages on standard input and output, one JSON a line."""

import base64
import importlib.util
import itertools
import json
import os
import queue
import struct
import sys
import threading
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import triton_python_backend_utils as pb_utils  # noqa: E402

# The model's own prints belong to the server's log.
OUT = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


class Host:
    def __init__(self):
        self.lock, self.replies, self.numbers = threading.Lock(), {}, itertools.count(1)

    def send(self, message):
        with self.lock:
            OUT.write(json.dumps(message) + "\n")

    def ask(self, message, key):
        """Waits for the answer to a question of the model."""
        number, answer = next(self.numbers), queue.Queue()
        self.replies[number] = answer
        inner = message.get(key)
        self.send({**message, key: {**inner, "reply": number} if isinstance(inner, dict) else number})
        return answer.get()

    def infer(self, model, version, request_id, inputs, outputs, stream, trace):
        call = {"model": model, "version": version, "id": request_id, "outputs": outputs, "stream": stream}
        call["trace"] = trace._handle if trace else None
        call["inputs"] = [write_tensor(tensor) for tensor in inputs]
        return [read_response(answer) for answer in self.ask({"infer": call}, "infer")]

    def write_response(self, response):
        if response.has_error():
            return {"error": response.error().message(), "code": response.error().code()}
        outputs = [write_tensor(tensor) for tensor in response.output_tensors()]
        return {"outputs": outputs, "parameters": response._parameters}

    def log(self, level, text):
        stamp = time.strftime("%m%d %H:%M:%S.000000", time.gmtime())
        print(f"{level}{stamp} {os.getpid()} model.py:1] {json.dumps(text)}", file=sys.stderr, flush=True)


def write_tensor(tensor):
    array = tensor.as_numpy()
    datatype = pb_utils._WIRE.get(array.dtype, "BYTES")
    return {
        "name": tensor.name(), "datatype": datatype, "shape": list(array.shape),
        "data": base64.b64encode(pack(array) if datatype == "BYTES" else np.ascontiguousarray(array).tobytes()).decode(),
    }


def pack(array):
    texts = [item if isinstance(item, bytes) else str(item).encode() for item in array.flatten()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def read_tensor(tensor):
    data, shape = base64.b64decode(tensor["data"]), tensor["shape"]
    if tensor["datatype"] != "BYTES":
        kind = pb_utils._NUMPY["TYPE_" + tensor["datatype"]]
        return pb_utils.Tensor(tensor["name"], np.frombuffer(data, kind).reshape(shape).copy())
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return pb_utils.Tensor(tensor["name"], np.array(texts, dtype=np.object_).reshape(shape))


def read_response(answer):
    error = pb_utils.TritonError(answer["error"]) if "error" in answer else None
    return pb_utils.InferenceResponse([read_tensor(tensor) for tensor in answer.get("outputs", [])], error)


def read_request(told):
    return pb_utils.InferenceRequest(
        [read_tensor(tensor) for tensor in told["inputs"]], requested_output_names=told["requested"],
        request_id=told["id"], correlation_id=told["correlation_id"], flags=told["flags"], timeout=told["timeout"],
        parameters=told["parameters"], handle=told["handle"],
        trace=pb_utils.InferenceTrace(told["handle"], told.get("traceparent")),
    )


def execute(model, told):
    answers = model.execute([read_request(request) for request in told])
    if answers is None:
        return None
    return [host.write_response(answer) if answer is not None else {"outputs": []} for answer in answers]


def complete(module, written):
    """The calls of `auto_complete_config`, in order: the server has the rules."""
    config = pb_utils.ModelConfig(written)
    fill = getattr(module.TritonPythonModel, "auto_complete_config", None)
    if fill and not isinstance(fill(config), pb_utils.ModelConfig):
        name = written["name"]
        raise ValueError(f"auto_complete_config function in model '{name}' must return a valid pb.ModelConfig object.")
    return config.calls


def main(folder, messages):
    module = model = None
    while (message := messages.get()) is not None:
        try:
            if module is None:
                spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "model.py"))
                module = importlib.util.module_from_spec(spec)
                sys.path.insert(0, folder)
                spec.loader.exec_module(module)
            if "complete" in message:
                result = complete(module, message["complete"])
            elif "initialize" in message:
                model, result = module.TritonPythonModel(), None
                if hasattr(model, "initialize"):
                    model.initialize(message["initialize"])
            else:
                result = execute(model, message["execute"])
            host.send({"call": message["call"], "result": result})
        except BaseException as error:  # whatever the model raises is its answer
            host.send({"call": message["call"], "error": f"{type(error).__name__}: {error}"})
    if hasattr(model, "finalize"):
        model.finalize()
    os._exit(0)


host = pb_utils.host = Host()
inbox = queue.Queue()
threading.Thread(target=main, args=(sys.argv[1], inbox), daemon=True).start()
for line in sys.stdin:
    arrived = json.loads(line)
    if "reply" in arrived:
        host.replies.pop(arrived["reply"]).put(arrived["result"])
    else:
        inbox.put(arrived)
inbox.put(None)
threading.Event().wait()
