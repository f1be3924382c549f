"""PyTorch → ONNX: input names are columns, the batch is dynamic, lists are ragged. The file contains the schema, and both runtimes must give the same results."""

import json
import logging
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from ..errors import LabError
from ..schema import Schema, to_json
from ..table import Table, rows_of, slice_rows
from ..tasks.task import column_names
from .modules import Served

OPSET = 18
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Exported:
    """The written files."""

    path: Path
    size: int
    """Bytes."""
    opset: int
    difference: float
    """Largest to PyTorch, relative where answers exceed 1."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Positional(nn.Module):
    """Takes tensors in order instead of by name: the exporter names inputs by position."""

    def __init__(self, module: nn.Module, names: list[str]):
        super().__init__()
        self.module, self.names = module, names

    def forward(self, *tensors: torch.Tensor) -> Any:
        return self.module(dict(zip(self.names, tensors)))


def export_onnx(served: Served, example: Table, path: Path) -> Exported:
    """Writes the model, runs it on the example and on its first row alone. Raises LabError where an operator has no ONNX form, or where answers differ."""
    names = column_names(served.columns)
    graph = _to_onnx(served, names, example)
    _tidy(graph)
    notes = {"merlin.schema": json.dumps(to_json(Schema(served.columns)))}
    if served.is_tower:
        notes["merlon.similarity"] = _similarity(served, example)
    for key, value in notes.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(graph, path)
    worst = difference(served, example, path)
    if not worst <= TOLERANCE:
        path.unlink()
        raise LabError(f"{path.name}: ONNX Runtime differs from PyTorch by {worst:.2e}, more than {TOLERANCE:.0e}. The file was not kept.")
    return Exported(path, path.stat().st_size, OPSET, worst, tuple(names), served.outputs)


def _similarity(served: Served, example: Table) -> str:
    """How training compared the tower's vectors: by inner products, which are cosines where every vector has length 1."""
    lengths = np.linalg.norm(answers(served, example)[0], axis=1)
    return "cosine" if np.allclose(lengths, 1, atol=1e-4) else "ip"


def _to_onnx(served: Served, names: list[str], example: Table) -> onnx.ModelProto:
    # Offsets are one longer than the batch: the exporter finds that out by itself, where dimensions have no names.
    shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in names)
    # The exporter warns of optional packages and of its own deprecations, which are irrelevant to users.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                _Positional(served.module, names).eval(),
                tuple(example[name] for name in names),
                input_names=names,
                output_names=list(served.outputs),
                opset_version=OPSET,
                dynamic_shapes=(shapes,),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        operator = re.search(r"(?:ops\.|for )'?(aten[.\w:]+|[a-z_]+[.:]+\w+)", str(error))
        what = f" `{operator.group(1)}` has no ONNX form" if operator else f" {str(error).strip().splitlines()[0]}"
        raise LabError(
            f"`{served.name}` cannot be exported:{what}. Nothing was written. Take another operator in the model, or serve it as a JavaScript model."
        ) from error
    assert program is not None
    return program.model_proto


def _tidy(model: onnx.ModelProto) -> None:
    """The Python source of each node is only noise, with machine paths, in a shipped file."""
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            del node.metadata_props[:]
            node.doc_string = ""


def difference(served: Served, example: Table, path: Path) -> float:
    """Largest difference of ONNX Runtime and PyTorch over the example, and over its first row alone."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for rows in (rows_of(example), 1):
        part = slice_rows(example, 0, rows)
        wanted = answers(served, part)
        feeds = {name: part[name].numpy() for name in column_names(served.columns)}
        for ours, theirs in zip(wanted, session.run(list(served.outputs), feeds)):
            worst = max(worst, float((np.abs(ours - theirs) / np.maximum(1, np.abs(ours))).max(initial=0)))
    return worst


def check_rows_alone(served: Served, example: Table, path: Path) -> None:
    """Raises LabError where a row's answer depends on the numbers of another row in its batch."""
    numbers = [name for name in column_names(served.columns) if example[name].is_floating_point() and not name.endswith("__values")]
    if not numbers or rows_of(example) < 2:
        return
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    plain = {name: example[name].numpy() for name in column_names(served.columns)}
    odd = {**plain, **{name: np.concatenate([plain[name][:-1], np.full_like(plain[name][-1:], 1e4)]) for name in numbers}}
    for ours, theirs in zip(session.run(list(served.outputs), plain), session.run(list(served.outputs), odd)):
        worst = float((np.abs(ours - theirs)[:-1] / np.maximum(1, np.abs(ours[:-1]))).max(initial=0))
        if not worst <= TOLERANCE:
            raise LabError(f"{path.name}: a large number in one row changes the answers of other rows by {worst:.2e}. The file was not kept.")


def answers(served: Served, table: Table) -> list[np.ndarray]:
    """PyTorch's, in the order of the outputs."""
    with torch.no_grad():
        made = served.module.eval()({name: table[name] for name in column_names(served.columns)})
    return [t.numpy() for t in (made if isinstance(made, tuple) else (made,))]
