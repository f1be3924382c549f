"""`merlon-lab variants`: what a run's files in half precision and in int8 lose, measured on the files themselves with ONNX Runtime."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor, nn

from ..errors import LabError
from ..loader import open_dataset
from ..report import table
from ..run import Run, load_run, open_training, task_of
from ..table import Table
from ..tasks.ranking import is_regression
from ..tasks.task import column_names
from .export import example_of
from .modules import Served, served_models
from .onnx_file import export_onnx
from .variants import VARIANTS

PRECISIONS = ("float32", *VARIANTS)


class File:
    """An exported file, run with a Table."""

    def __init__(self, served: Served, path: Path):
        self.served, self.names = served, column_names(served.columns)
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def __call__(self, table: Table) -> list[Tensor]:
        made = self.session.run(list(self.served.outputs), {name: table[name].numpy() for name in self.names})
        return [torch.from_numpy(answer).float() for answer in made]


class Rows(nn.Module):
    """In place of a model of rows: logits `[n, targets]`."""

    def __init__(self, run: Run, files: dict[str, File]):
        super().__init__()
        self.file = files["model"]
        self.regressions = [is_regression(t) for t in run.schema.targets] if run.kind == "ranking" else [False]

    def forward(self, inputs: Table) -> Tensor:
        answers = zip(self.file(inputs), self.regressions)
        return torch.cat([answer if plain else torch.logit(answer, eps=1e-7) for answer, plain in answers], dim=1)


class Sides(nn.Module):
    """In place of a model of two sides; items without a file of their own are the float32 vectors of `item_embeddings.parquet`."""

    def __init__(self, run: Run, files: dict[str, File]):
        super().__init__()
        self.query_columns, self.item_columns = run.model.query_columns, run.model.item_columns
        self.query_file, self.item_file, self.model = files["query_tower"], files.get("item_tower"), run.model

    def query(self, inputs: Table) -> Tensor:
        return self.query_file(inputs)[0]

    def item(self, inputs: Table) -> Tensor:
        vectors: Tensor = self.item_file(inputs)[0] if self.item_file else self.model.item(inputs)
        return vectors


def compare_precisions(folders: Sequence[Path], data: Sequence[str]) -> str:
    """A Markdown table, a row for each run: the metric for early stopping, at each precision, and the bytes of its files. Raises LabError."""
    rows = [_row(load_run(folder), data) for folder in folders]
    names = [p for p in PRECISIONS if p != "float32"]
    return table(rows, ["model", "metric", *PRECISIONS, *(f"change, {p}" for p in names), *(f"KiB, {p}" for p in PRECISIONS)])


def _row(run: Run, data: Sequence[str]) -> list[str]:
    if run.kind == "forest":
        raise LabError(f"{run.folder} is a forest, which has one precision: its splits compare float32 numbers. Leave it away.")
    train, held_out = open_training(run.recipe, run.schema), open_dataset(data, run.schema.columns, "evaluation data")
    measured, sizes, metric = [], [], ""
    for files, size in _files(run):
        stand_in: Any = (Rows if run.kind in ("ranking", "pairs") else Sides)(run, files)
        task = task_of(run.recipe, run.schema, stand_in.eval(), train)
        metric = task.monitor.name
        measured.append(task.evaluate(held_out)[metric])
        sizes.append(size)
    changes = [f"{value - measured[0]:+.4f}" for value in measured[1:]]
    return [run.folder.name, metric, *(f"{value:.4f}" for value in measured), *changes, *(f"{size / 1024:.0f}" for size in sizes)]


def _files(run: Run) -> Iterator[tuple[dict[str, File], int]]:
    """For each precision the files by name, and their bytes."""
    with tempfile.TemporaryDirectory() as temporary:
        plain = {served.name: (served, Path(temporary) / f"{served.name}.onnx") for served in served_models(run)}
        for served, path in plain.values():
            export_onnx(served, example_of(run, served), path)
        for precision in PRECISIONS:
            made = {}
            for name, (served, path) in plain.items():
                if precision != "float32":
                    VARIANTS[precision](path, path := path.with_suffix(f".{precision}.onnx"))
                made[name] = (File(served, path), path.stat().st_size)
            yield {name: file for name, (file, _) in made.items()}, sum(size for _, size in made.values())
