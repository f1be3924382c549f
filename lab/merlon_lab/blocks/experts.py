"""Experts and gates: networks that tasks share, each task with its own mixture."""

import torch
from torch import Tensor, nn

from .mlp import mlp


class Experts(nn.Module):
    """`[n, width]` -> `[n, experts, out]`."""

    def __init__(self, count: int, width: int, out: int, dropout: float = 0.0):
        super().__init__()
        self.experts = nn.ModuleList(mlp([width, out], dropout, activate_last=True) for _ in range(count))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([expert(inputs) for expert in self.experts], dim=1)


class Gate(nn.Module):
    """The input of a task, `[n, width]`, and its experts, `[n, experts, out]` → their mixture `[n, out]`."""

    def __init__(self, width: int, experts: int):
        super().__init__()
        self.linear = nn.Linear(width, experts)

    def forward(self, inputs: Tensor, experts: Tensor) -> Tensor:
        shares = torch.softmax(self.linear(inputs), dim=1)
        return (shares.unsqueeze(2) * experts).sum(1)
