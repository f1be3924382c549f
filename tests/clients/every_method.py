"""Calls every public method of the official clients (grpc, grpc.aio, http, http.aio), with their shared memory utilities.

Prints, for each client, the result of each method, and the methods that were not called.

usage: every_method.py GRPC_PORT HTTP_PORT
"""
import asyncio
import base64
import inspect
import json
import os
import queue
import sys

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.grpc.aio as grpcaio
import tritonclient.http as httpclient
import tritonclient.http.aio as httpaio
import tritonclient.utils.shared_memory as shm
from tritonclient._plugin import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException

VALUES = np.arange(4, dtype=np.int32).reshape(1, 4)
KEY = f"merlon-clients-{os.getpid()}"


class Header(InferenceServerClientPlugin):
    """A plugin that only counts."""

    calls = 0

    def __call__(self, request):
        Header.calls += 1
        request.headers["x-plugin"] = "1"


class Recorder:
    """A client whose calls are noted, with a word on how they ended."""

    def __init__(self, client):
        self.client = client
        self.seen = {}

    def __getattr__(self, name):
        found = getattr(self.client, name)

        def note(how):
            # A method also counts if one of its calls succeeded.
            if self.seen.get(name) != "well":
                self.seen[name] = how

        def call(*args, **kwargs):
            try:
                result = found(*args, **kwargs)
            except InferenceServerException as error:
                note(error.message())
                return None
            if inspect.isawaitable(result):
                return self.wait(result, note)
            note("well")
            return result

        return call

    @staticmethod
    async def wait(result, note):
        try:
            given = await result
        except InferenceServerException as error:
            note(error.message())
            return None
        note("well")
        return given


def tensors(module):
    tensor = module.InferInput("INPUT0", [1, 4], "INT32")
    tensor.set_data_from_numpy(VALUES)
    return [tensor], [module.InferRequestedOutput("OUTPUT0")]


def region_tensors(module):
    tensor = module.InferInput("INPUT0", [1, 4], "INT32")
    tensor.set_shared_memory("in", VALUES.nbytes)
    output = module.InferRequestedOutput("OUTPUT0")
    output.set_shared_memory("out", VALUES.nbytes)
    return [tensor], [output]


def steps(module, kind):
    """The calls that all four clients have, in an order that works: name, arguments, named arguments."""
    yield "register_plugin", (Header(),), {}
    yield "plugin", (), {}
    yield "is_server_live", (), {}
    yield "is_server_ready", (), {}
    yield "get_server_metadata", (), {}
    yield "get_model_repository_index", (), {}
    yield "unload_model", ("echo_int32",), {}
    yield "load_model", ("echo_int32",), {}
    yield "is_model_ready", ("echo_int32",), {}
    yield "get_model_metadata", ("echo_int32",), {}
    yield "get_model_config", ("echo_int32",), {}
    inputs, outputs = tensors(module)
    algorithms = {"compression_algorithm": "gzip"} if kind == "grpc" else {"request_compression_algorithm": "gzip", "response_compression_algorithm": "deflate"}
    yield "infer", ("echo_int32", inputs), {"outputs": outputs, "request_id": "7", **algorithms}
    yield "get_inference_statistics", ("echo_int32",), {}
    yield "register_system_shared_memory", ("in", KEY + "-in", VALUES.nbytes), {}
    yield "register_system_shared_memory", ("out", KEY + "-out", VALUES.nbytes), {}
    yield "get_system_shared_memory_status", (), {}
    inputs, outputs = region_tensors(module)
    yield "infer", ("echo_int32", inputs), {"outputs": outputs}
    yield "unregister_system_shared_memory", ("in",), {}
    yield "unregister_system_shared_memory", (), {}
    yield "get_cuda_shared_memory_status", (), {}
    yield "register_cuda_shared_memory", ("cuda", base64.b64encode(bytes(64)), 0, 16), {}
    yield "unregister_cuda_shared_memory", (), {}
    yield "get_log_settings", (), {}
    yield "update_log_settings", ({"log_verbose_level": 0},), {}
    yield "get_trace_settings", (), {}
    yield "update_trace_settings", (), {"settings": {"trace_rate": "500"}}
    yield "unregister_plugin", (), {}


def with_regions(run):
    """Runs with two regions, whose contents are checked afterwards: the input, and the server's output."""
    regions = [shm.create_shared_memory_region(name, f"{KEY}-{name}", VALUES.nbytes) for name in ("in", "out")]
    shm.set_shared_memory_region(regions[0], [VALUES])
    mapped = len(shm.mapped_shared_memory_regions())
    try:
        result = run()
        return result, mapped, shm.get_contents_as_numpy(regions[1], np.int32, [1, 4]).tolist()
    finally:
        for region in regions:
            shm.destroy_shared_memory_region(region)


def ask(module, url, kind):
    recorder = Recorder(module.InferenceServerClient(url))

    def run():
        for name, args, kwargs in steps(module, kind):
            getattr(recorder, name)(*args, **kwargs)
        inputs, outputs = tensors(module)
        if kind == "grpc":
            answers = queue.Queue()
            recorder.async_infer("echo_int32", inputs, callback=lambda result, error: answers.put((result, error)))
            assert answers.get(timeout=20)[0].as_numpy("OUTPUT0").tolist() == VALUES.tolist()
            recorder.start_stream(callback=lambda result, error: answers.put((result, error)))
            recorder.async_stream_infer("echo_int32", inputs)
            assert answers.get(timeout=20)[0].as_numpy("OUTPUT0").tolist() == VALUES.tolist()
            recorder.stop_stream()
        else:
            handle = recorder.async_infer("echo_int32", inputs)
            assert handle.get_result().as_numpy("OUTPUT0").tolist() == VALUES.tolist()
            recorder.generate_request_body(inputs, outputs=outputs)
            body = b'{"model_name":"m","model_version":"1","outputs":[]}'
            recorder.parse_response_body(body)
        recorder.close()

    _, mapped, written = with_regions(run)
    return report(module, recorder, mapped, written)


async def ask_aio(module, url, kind):
    client = module.InferenceServerClient(url)
    recorder = Recorder(client)
    for name, args, kwargs in steps(module, kind):
        result = getattr(recorder, name)(*args, **kwargs)
        if inspect.isawaitable(result):
            await result
    inputs, outputs = tensors(module)
    if kind == "grpc":

        async def requests():
            yield {"model_name": "echo_int32", "inputs": inputs}

        async for result, error in recorder.stream_infer(requests()):
            assert error is None and result.as_numpy("OUTPUT0").tolist() == VALUES.tolist()
    else:
        recorder.generate_request_body(inputs, outputs=outputs)
        recorder.parse_response_body(b'{"model_name":"m","model_version":"1","outputs":[]}')
    await recorder.close()
    return recorder


def report(module, recorder, mapped, written):
    methods = [name for name, _ in inspect.getmembers(module.InferenceServerClient) if not name.startswith("_")]
    return {
        "not_called": sorted(set(methods) - set(recorder.seen)),
        "not_well": {name: how for name, how in recorder.seen.items() if how != "well"},
        "mapped": mapped,
        "written": written,
    }


grpc_url, http_url = (f"127.0.0.1:{port}" for port in sys.argv[1:3])
result = {"grpc": ask(grpcclient, grpc_url, "grpc"), "http": ask(httpclient, http_url, "http")}
for name, module, url in (("grpc.aio", grpcaio, grpc_url), ("http.aio", httpaio, http_url)):
    recorder, mapped, written = with_regions(lambda: asyncio.run(ask_aio(module, url, name[:4])))
    result[name] = report(module, recorder, mapped, written)
result["plugin_calls"] = Header.calls
print(json.dumps(result))
