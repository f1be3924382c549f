"""Layers that multiply features with each other."""

from typing import Any

import torch
from torch import Tensor, nn


class Cross(nn.Module):
    """DCN-v2's cross network (Wang et al., 2021): x ← x0 ⊙ (W x + b) + x, `[n, width]` -> `[n, width]`; W = U V of a low rank, if given."""

    def __init__(self, width: int, depth: int, rank: int | None = None):
        super().__init__()
        self.rank = rank
        self.layers = nn.ModuleList(
            nn.Linear(width, width) if rank is None else nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width)) for _ in range(depth)
        )

    def forward(self, x0: Tensor) -> Tensor:
        if self.training and self.rank is None and not torch.compiler.is_exporting():
            crossed: Tensor = _Crosses.apply(x0, *self.layers.parameters())
            return crossed
        x = x0
        for layer in self.layers:
            x = x0 * layer(x) + x
        return x


class _Crosses(torch.autograd.Function):
    """The same with its gradient written out: autograd makes some twenty passes over memory beside the products of matrices, this seven."""

    @staticmethod
    def forward(ctx: Any, x0: Tensor, *parameters: Tensor) -> Tensor:
        x, kept = x0, []
        for weight, bias in zip(parameters[::2], parameters[1::2]):
            product = torch.addmm(bias, x, weight.t())
            kept += [x, product, weight]
            x = torch.addcmul(x, x0, product)
        ctx.save_for_backward(x0, *kept)
        return x

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, ...]:
        x0, *kept = ctx.saved_tensors
        above, below = given[0], torch.zeros_like(x0)
        gradients: list[Tensor] = []
        for x, product, weight in reversed(list(zip(kept[::3], kept[1::3], kept[2::3]))):
            below.addcmul_(above, product)
            scaled = above * x0
            # What autograd gave is not ours to change.
            above = above.addmm_(scaled, weight) if gradients else torch.addmm(above, scaled, weight)
            gradients = [scaled.t() @ x, scaled.sum(0), *gradients]
        return below.add_(above), *gradients


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
