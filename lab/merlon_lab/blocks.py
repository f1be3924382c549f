"""Building blocks: embeddings of a schema's columns, and a multi-layer perceptron."""

from collections.abc import Sequence

import torch
from torch import nn

from .schema import Column
from .tables import Table

OUT_OF_VOCABULARY = 2
"""The id that `categorify` gives to values it has not seen."""


class Embeddings(nn.Module):
    """One table per categorical column: ids -> vectors. Columns named in one group of `shared` use one table."""

    def __init__(self, columns: Sequence[Column], dim: int, shared: Sequence[Sequence[str]] = ()):
        super().__init__()
        self.names = [c.name for c in columns]
        self.table_of = {c.name: next((group[0] for group in shared if c.name in group), c.name) for c in columns}
        sizes = {self.table_of[c.name]: c.cardinality for c in columns}
        self.tables = nn.ModuleDict({name: nn.Embedding(size, dim) for name, size in sizes.items()})
        for table in self.tables.values():
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, inputs: Table) -> list[torch.Tensor]:
        return [self.tables[self.table_of[name]](inputs[name]) for name in self.names]


class Continuous(nn.Module):
    """Continuous columns side by side: one row of numbers per example."""

    def __init__(self, columns: Sequence[Column]):
        super().__init__()
        self.names = [c.name for c in columns]

    def forward(self, inputs: Table) -> torch.Tensor:
        return torch.stack([inputs[name].float() for name in self.names], dim=1)


def mlp(sizes: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with ReLU between them, and none after the last."""
    layers: list[nn.Module] = []
    for width, out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(width, out), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])


def forget(inputs: Table, name: str, rate: float) -> Table:
    """Makes some ids unknown, so that a model learns what to say of strangers."""
    gone = torch.rand(len(inputs[name])) < rate
    return {**inputs, name: torch.where(gone, torch.full_like(inputs[name], OUT_OF_VOCABULARY), inputs[name])}
