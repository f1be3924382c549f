"""PLE (Tang et al., 2020): experts of each task's own beside shared ones, in layers."""

import torch
from torch import Tensor, nn

from ..blocks.experts import Experts, Gate
from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table
from .mmoe import ExpertOptions


class Layer(nn.Module):
    """One extraction: the inputs of each task and the shared input, `[n, width]` each → the same, `[n, out]` each; the shared one is last."""

    def __init__(self, tasks: int, width: int, options: ExpertOptions):
        super().__init__()
        count = options.experts
        self.experts = nn.ModuleList(Experts(count, width, options.width, options.dropout) for _ in range(tasks + 1))
        self.gates = nn.ModuleList([*(Gate(width, 2 * count) for _ in range(tasks)), Gate(width, (tasks + 1) * count)])

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        made = [experts(x) for experts, x in zip(self.experts, inputs)]
        seen = [torch.cat([own, made[-1]], dim=1) for own in made[:-1]]
        return [gate(x, experts) for gate, x, experts in zip(self.gates, inputs, [*seen, torch.cat(made, dim=1)])]


class PLE(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: ExpertOptions):
        super().__init__()
        self.features = Features(schema.features, options.dim, options.shared)
        tasks = len(schema.targets)
        widths = [self.features.width] + [options.width] * (options.layers - 1)
        self.layers = nn.ModuleList(Layer(tasks, width, options) for width in widths)
        self.towers = nn.ModuleList(mlp([options.width, *options.hidden, 1], options.dropout) for _ in schema.targets)

    def forward(self, inputs: Table) -> Tensor:
        reads = [self.features.flat(inputs)] * (len(self.towers) + 1)
        for layer in self.layers:
            reads = layer(reads)
        return torch.cat([tower(x) for tower, x in zip(self.towers, reads)], dim=1)
