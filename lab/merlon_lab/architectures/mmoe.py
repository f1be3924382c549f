"""MMoE (Ma et al., 2018): experts that all tasks share, and a gate for each task."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..blocks.experts import Experts, Gate
from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table


@dataclass(frozen=True)
class ExpertOptions:
    dim: int = 16
    experts: int = 4
    """Shared ones; PLE has as many again for each task."""
    width: int = 64
    """Width of an expert's output."""
    layers: int = 2
    """Number of experts, in PLE."""
    hidden: tuple[int, ...] = (32,)
    dropout: float = 0.1
    shared: tuple[tuple[str, ...], ...] = ()


class MMoE(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: ExpertOptions):
        super().__init__()
        self.features = Features(schema.features, options.dim, options.shared)
        width = self.features.width
        self.experts = Experts(options.experts, width, options.width, options.dropout)
        self.gates = nn.ModuleList(Gate(width, options.experts) for _ in schema.targets)
        self.towers = nn.ModuleList(mlp([options.width, *options.hidden, 1], options.dropout) for _ in schema.targets)

    def forward(self, inputs: Table) -> Tensor:
        features = self.features.flat(inputs)
        experts = self.experts(features)
        return torch.cat([tower(gate(features, experts)) for gate, tower in zip(self.gates, self.towers)], dim=1)
