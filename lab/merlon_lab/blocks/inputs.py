"""Columns → vectors and numbers: what every architecture over features begins with."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import LabError
from ..schema import Column
from ..table import Table, pad

MAX_LIST = 50
"""Number of last values of a list that are read."""
SPARSE_ROWS = 100_000
"""Number of rows from which a table's gradient is sparse: the cost of a step then depends on the touched rows."""


class Embeddings(nn.Module):
    """One vector per categorical column: `[n]` ids each → `[n, columns, dim]` float32. A list counts as the mean of its values.

    All tables lie in one matrix, so that a batch is one look-up. Columns whose domains share a name, or that `shared` puts in a group, use one table.
    """

    starts: Tensor

    def __init__(self, columns: Sequence[Column], dim: int, shared: Sequence[Sequence[str]] = (), *, std: float = 0.02):
        super().__init__()
        self.columns = tuple(columns)
        starts: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for column in columns:
            key = self._table_of(column, shared)
            sizes[key] = max(sizes.get(key, 0), column.cardinality or 0)
        total = 0
        for key, size in sizes.items():
            starts[key], total = total, total + size
        self.rows = total
        self.weight = nn.Parameter(torch.randn(total, dim) * std)
        alone = {self._table_of(c, shared) for c in columns if c.is_list} - {self._table_of(c, shared) for c in columns if not c.is_list}
        for key in alone:
            # A mean of several small vectors is smaller yet, and learns late: Glorot's size instead, as RecBole has it.
            nn.init.normal_(self.weight.data[starts[key] : starts[key] + sizes[key]], std=max(std, math.sqrt(2 / (sizes[key] + dim))))
        self.sparse = total >= SPARSE_ROWS
        plain = [c for c in columns if not c.is_list]
        self.plain = [c.name for c in plain]
        self.lists = [c.name for c in columns if c.is_list]
        self.start_of = {c.name: starts[self._table_of(c, shared)] for c in columns}
        self.register_buffer("starts", torch.tensor([self.start_of[name] for name in self.plain], dtype=torch.int64), persistent=False)

    @staticmethod
    def _table_of(column: Column, shared: Sequence[Sequence[str]]) -> str:
        group = next((g for g in shared if column.name in g), None)
        return group[0] if group else (column.domain or column.name)

    def look_up(self, ids: Tensor) -> Tensor:
        if self.training and not self.sparse:
            # The same vectors and gradient, whose sum takes a third of the time of an embedding's.
            return self.weight.index_select(0, ids.flatten()).view(*ids.shape, -1)
        return functional.embedding(ids, self.weight, sparse=self.training)

    def forward(self, inputs: Table) -> Tensor:
        vectors = []
        if self.plain:
            ids = torch.stack([inputs[name] for name in self.plain], dim=1)
            vectors.append(self.look_up(ids + self.starts))
        for name in self.lists:
            ids, mask = pad(inputs, name, _longest(inputs, name))
            weights = mask.float() / mask.sum(1, keepdim=True).clamp(min=1)
            vectors.append((self.look_up(ids + self.start_of[name]) * weights.unsqueeze(2)).sum(1, keepdim=True))
        return torch.cat(vectors, dim=1) if len(vectors) > 1 else vectors[0]


def _longest(inputs: Table, name: str) -> int:
    """While training, a batch is as wide as its longest list; an exported graph has one width for all."""
    if torch.compiler.is_exporting():
        return MAX_LIST
    offsets = inputs[f"{name}__offsets"]
    return max(1, min(MAX_LIST, int((offsets[1:] - offsets[:-1]).max())))


class Features(nn.Module):
    """Columns → vectors `[n, fields, dim]` and numbers `[n, continuous]`; either may be missing and has width 0 then."""

    def __init__(self, columns: Sequence[Column], dim: int, shared: Sequence[Sequence[str]] = ()):
        super().__init__()
        categorical = [c for c in columns if c.is_categorical]
        continuous = [c for c in columns if not c.is_categorical]
        lists = [c.name for c in continuous if c.is_list]
        if lists:
            raise LabError(f"Column `{lists[0]}` is a list of numbers, which this architecture cannot read. Take it out of the workflow, or aggregate it.")
        if not columns:
            raise LabError("The schema has no feature for this model. Tag columns `categorical` or `continuous` in the workflow, and fit it again.")
        self.embeddings = Embeddings(categorical, dim, shared) if categorical else None
        self.numbers = [c.name for c in continuous]
        self.fields, self.dim = len(categorical), dim

    @property
    def width(self) -> int:
        """Width of all vectors side by side."""
        return self.fields * self.dim + len(self.numbers)

    def forward(self, inputs: Table) -> tuple[Tensor, Tensor]:
        rows = torch.stack([inputs[n] for n in self.numbers], dim=1) if self.numbers else None
        vectors = self.embeddings(inputs) if self.embeddings is not None else None
        if vectors is None:
            assert rows is not None
            vectors = rows.new_zeros(len(rows), 0, self.dim)
        return vectors, vectors.new_zeros(len(vectors), 0) if rows is None else rows

    def flat(self, inputs: Table) -> Tensor:
        """`[n, width]`."""
        vectors, numbers = self(inputs)
        return torch.cat([vectors.flatten(1), numbers], dim=1)
