"""A model repository → what a Triton with an ONNX Runtime backend and auto-complete off makes of it.

Graphs that Merlon wrote go through ONNX's checker and strict shape inference. Configurations are parsed by Triton's own schema and compared with the
graphs as the backend does when it loads them. Every input of a graph is declared, with its datatype and a shape that it takes. An output's shape is
exactly the one that this ONNX Runtime infers. An ensemble is run by its `ensemble_scheduling` alone. Its tensors have one datatype and agreeing
shapes for all steps that write or read them, and none is unread. Each step's tensors are compared with the step's configuration when it runs.

Reads one JSON request a line from stdin, {"repository", "model", "inputs": {name: {"dtype", "shape", "hex"}}}, and writes one answer a line.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import onnxruntime as ort
from google.protobuf import text_format
from graph_checks import check, load
from tritonclient.grpc import model_config_pb2

NUMPY = {"BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
         "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
ONNX = {"BOOL": "bool", "FP16": "float16", "FP32": "float", "FP64": "double", "STRING": "string"} | {n: n.lower() for n in NUMPY if "INT" in n}

# Graphs that were compiled; the users' own are none of our business.
OURS = "merlon_program"


class Refused(Exception):
    """Triton's refusals, at load or for a request."""


def need(condition, *said):
    if not condition:
        raise Refused(" ".join(str(x) for x in said))


def agree(a, b):
    """Shapes that may be the same."""
    return len(a) == len(b) and all(x == y or -1 in (x, y) for x, y in zip(a, b))


class Model:
    def __init__(self, repository, name):
        folder = pathlib.Path(repository) / name
        need((folder / "config.pbtxt").exists(), "no model", name)
        self.config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        need(self.config.name == name, name, "is called", self.config.name)
        self.batched = self.config.max_batch_size > 0
        self.inputs, self.outputs = (self.declared(side) for side in (self.config.input, self.config.output))
        self.session = None
        if self.config.platform != "ensemble":
            need(self.config.backend == "onnxruntime", name, "has the backend", self.config.backend)
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            graph = str(folder / "1" / "model.onnx")
            if OURS in self.config.parameters:
                check(load(graph), graph)
            self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            self.check_graph()

    def declared(self, tensors):
        """Datatype and full shape by name."""
        found = {}
        for t in tensors:
            need(t.name not in found, self.config.name, "declares", t.name, "twice")
            need(len(t.dims) > 0 and all(d == -1 or d > 0 for d in t.dims), self.config.name, t.name, "has dims", list(t.dims))
            need(not t.HasField("reshape"), self.config.name, t.name, "has a reshape, which this harness does not know")
            dtype = model_config_pb2.DataType.Name(t.data_type).removeprefix("TYPE_")
            found[t.name] = (dtype, ([-1] if self.batched else []) + list(t.dims))
        return found

    def check_graph(self):
        name, graph_inputs = self.config.name, {t.name: t for t in self.session.get_inputs()}
        graph_outputs = {t.name: t for t in self.session.get_outputs()}
        need(len(graph_inputs) == len(self.inputs), name, "declares", len(self.inputs), "inputs, the graph has", len(graph_inputs))
        for declared, graph, exact in [(self.inputs, graph_inputs, False), (self.outputs, graph_outputs, True)]:
            for tensor, (dtype, dims) in declared.items():
                need(tensor in graph, name, "declares", tensor, "and the graph has", list(graph))
                need(graph[tensor].type == f"tensor({ONNX[dtype]})", name, tensor, "is", graph[tensor].type, "and declared", dtype)
                shape = [d if isinstance(d, int) else -1 for d in graph[tensor].shape]
                need(not self.batched or shape[:1] == [-1], name, tensor, shape, "has no batch dimension")
                fits = shape == dims if exact else len(shape) == len(dims) and all(s in (-1, d) for s, d in zip(shape, dims))
                need(fits, name, tensor, "is", shape, "and declared", dims)

    def check_tensors(self, given, declared, what):
        need(set(given) == set(declared), what, "of", self.config.name, "are", sorted(given), "instead of", sorted(declared))
        for name, array in given.items():
            dtype, dims = declared[name]
            need(array.dtype == (object if dtype == "STRING" else np.dtype(NUMPY.get(dtype, "O"))), self.config.name, name, "is", array.dtype, "not", dtype)
            need(agree(list(array.shape), dims), self.config.name, name, "has shape", list(array.shape), "and dims", dims)
        if self.batched:
            sizes = {array.shape[0] for array in given.values()}
            need(len(sizes) == 1 and max(sizes) <= self.config.max_batch_size, self.config.name, "gets batches of", sizes)


class Repository:
    def __init__(self, path):
        self.path, self.models = path, {}

    def model(self, name):
        if name not in self.models:
            made = Model(self.path, name)
            if made.session is None:
                self.check_ensemble(made)
            self.models[name] = made
        return self.models[name]

    def check_ensemble(self, entry):
        name = entry.config.name
        writers, readers = dict(entry.inputs), {t: [("the answer", d)] for t, d in entry.outputs.items()}
        for step in entry.config.ensemble_scheduling.step:
            member = self.model(step.model_name)
            need(set(step.input_map) == set(member.inputs), name, step.model_name, "gets", sorted(step.input_map), "and takes", sorted(member.inputs))
            need(set(step.output_map) <= set(member.outputs), name, step.model_name, "gives no", set(step.output_map) - set(member.outputs))
            for own, tensor in step.input_map.items():
                readers.setdefault(tensor, []).append((step.model_name, member.inputs[own]))
            for own, tensor in step.output_map.items():
                need(tensor not in writers, name, "has two writers of", tensor)
                writers[tensor] = member.outputs[own]
        for tensor, who in readers.items():
            need(tensor in writers, name, "has no writer of", tensor)
            for reader, (dtype, dims) in who:
                need(writers[tensor][0] == dtype, name, tensor, "is", writers[tensor][0], "and", dtype, "for", reader)
                need(agree(writers[tensor][1], dims), name, tensor, "is", writers[tensor][1], "and", dims, "for", reader)
        need(set(writers) == set(readers), name, "has tensors that nobody reads:", sorted(set(writers) - set(readers)))

    def infer(self, name, given):
        model = self.model(name)
        model.check_tensors(given, model.inputs, "inputs")
        if model.session is not None:
            # An output that passes an input through shares its memory, which ends with the request.
            made = {name: array.copy() for name, array in zip(model.outputs, model.session.run(list(model.outputs), given))}
        else:
            made = self.schedule(model, dict(given))
        model.check_tensors(made, model.outputs, "outputs")
        return made

    def schedule(self, entry, tensors):
        waiting = list(entry.config.ensemble_scheduling.step)
        while waiting:
            ready = [step for step in waiting if all(t in tensors for t in step.input_map.values())]
            need(ready, entry.config.name, "is at a deadlock before", [step.model_name for step in waiting])
            for step in ready:
                waiting.remove(step)
                made = self.infer(step.model_name, {own: tensors[t] for own, t in step.input_map.items()})
                tensors.update({t: made[own] for own, t in step.output_map.items()})
        return {name: tensors[name] for name in entry.outputs}


def read(dtype, shape, text):
    raw = bytes.fromhex(text)
    if dtype != "BYTES":
        return np.frombuffer(raw, NUMPY[dtype]).reshape(shape)
    items, at = [], 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        items.append(raw[at + 4 : at + 4 + size].decode())
        at += 4 + size
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def write(dtype, array):
    if dtype != "STRING":
        return [dtype, list(array.shape), np.ascontiguousarray(array).tobytes().hex()]
    texts = [text.encode() if isinstance(text, str) else text for text in array.reshape(-1)]
    return ["BYTES", list(array.shape), b"".join(struct.pack("<I", len(text)) + text for text in texts).hex()]


repositories = {}
print(json.dumps({"onnxruntime": ort.__version__}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    repository = repositories.setdefault(asked["repository"], Repository(asked["repository"]))
    try:
        answer = repository.infer(asked["model"], {n: read(t["dtype"], t["shape"], t["hex"]) for n, t in asked["inputs"].items()})
        outputs = repository.model(asked["model"]).outputs
        said = {"outputs": {n: write(outputs[n][0], a) for n, a in answer.items()}}
    except Refused as refused:
        said = {"refused": str(refused)}
    except Exception as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
