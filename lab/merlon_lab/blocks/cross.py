"""Layers that multiply features with each other."""

import torch
from torch import Tensor, nn


class Cross(nn.Module):
    """DCN-v2's cross network (Wang et al., 2021): x ← x0 ⊙ (W x + b) + x, `[n, width]` -> `[n, width]`; W = U V of a low rank, if given."""

    def __init__(self, width: int, depth: int, rank: int | None = None):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(width, width) if rank is None else nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width)) for _ in range(depth)
        )

    def forward(self, x0: Tensor) -> Tensor:
        x = x0
        for layer in self.layers:
            x = x0 * layer(x) + x
        return x


def pairwise_sum(vectors: Tensor) -> Tensor:
    """Sum of the inner products of all pairs, in linear time (Rendle, 2010): `[n, fields, dim]` -> `[n]`."""
    return 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1)


class PairwiseProducts(nn.Module):
    """The inner product of each pair: `[n, fields, dim]` -> `[n, fields (fields - 1) / 2]`."""

    above: Tensor

    def __init__(self, fields: int):
        super().__init__()
        above = torch.triu_indices(fields, fields, offset=1)
        self.register_buffer("above", above[0] * fields + above[1], persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors @ vectors.transpose(1, 2)).flatten(1)[:, self.above]
