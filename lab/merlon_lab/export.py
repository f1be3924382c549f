"""PyTorch -> ONNX: input names are columns, the batch is dynamic, and both runtimes must answer alike."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from .tables import Table

OPSET = 18
TOLERANCE = 1e-5


class _Positional(nn.Module):
    """Takes columns in order instead of by name: the exporter names inputs by position."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.names = [c.name for c in model.columns]

    def forward(self, *columns: torch.Tensor) -> torch.Tensor:
        return self.model(dict(zip(self.names, columns)))


def export_onnx(model: nn.Module, output: str, example: Table, path: Path) -> float:
    """Writes the model, then runs it with ONNX Runtime on the example. Returns the largest difference to PyTorch."""
    model.eval()
    names = [c.name for c in model.columns]
    inputs = tuple(example[name] for name in names)
    batch = torch.export.Dim("batch")
    # The exporter tells of optional packages and of its own deprecations; neither is news to who trains a model.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            _Positional(model).eval(),
            inputs,
            input_names=names,
            output_names=[output],
            opset_version=OPSET,
            dynamic_shapes=(tuple({0: batch} for _ in names),),
            dynamo=True,
            verbose=False,
        )
    graph = program.model_proto
    del graph.metadata_props[:]
    for node in graph.graph.node:
        # Where each node came from in Python: only noise, and machine paths, in a file that is checked in.
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        del value.metadata_props[:]
    onnx.checker.check_model(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, path)

    worst = 0.0
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for rows in (len(inputs[0]), 1):
        feeds = {name: column[:rows].numpy() for name, column in zip(names, inputs)}
        with torch.no_grad():
            wanted = model({name: column[:rows] for name, column in zip(names, inputs)}).numpy()
        worst = max(worst, float(np.abs(session.run([output], feeds)[0] - wanted).max()))
    if worst > TOLERANCE:
        raise RuntimeError(f"{path}: ONNX Runtime differs from PyTorch by {worst:.2e}, more than {TOLERANCE:.0e}")
    return worst
