"""Layers that multiply features with each other."""

from typing import Any

import torch
from torch import Tensor, nn


class Cross(nn.Module):
    """DCN-v2's cross network (Wang et al., 2021): x ← x0 ⊙ (W x + b) + x, `[n, width]` → `[n, width]`. W = U V of a low rank, if given."""

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
    """The same with its gradient written out: autograd makes some twenty passes over memory beside the products of matrices, this nine."""

    @staticmethod
    def forward(ctx: Any, x0: Tensor, *parameters: Tensor) -> Tensor:
        x, kept = x0, []
        for weight, bias in zip(parameters[::2], parameters[1::2]):
            # The first x is x0, and x0 ⊙ p + x0 = x0 ⊙ (p + 1): a pass less here, and two less below.
            product = torch.addmm(bias if kept else bias + 1, x, weight.t())
            kept += [x, product, weight]
            x = torch.addcmul(x, x0, product) if len(kept) > 3 else x0 * product
        ctx.save_for_backward(*kept)
        return x

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor, ...]:
        kept = ctx.saved_tensors
        x0, above = kept[0], given[0]
        below: Tensor | None = None
        gradients: list[Tensor] = []
        for x, product, weight in reversed(list(zip(kept[::3], kept[1::3], kept[2::3]))):
            scaled = above * x0
            below = above * product if below is None else below.addcmul_(above, product)
            if x is x0:
                below.addmm_(scaled, weight)
            else:
                # Autograd's gradient must not be changed in place.
                above = above.addmm_(scaled, weight) if gradients else torch.addmm(above, scaled, weight)
            gradients = [scaled.t() @ x, scaled.sum(0), *gradients]
        assert below is not None
        return below, *gradients


def pairwise_sum(vectors: Tensor) -> Tensor:
    """Sum of the inner products of all pairs, in linear time (Rendle, 2010): `[n, fields, dim]` → `[n]`."""
    return 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1)


class PairwiseProducts(nn.Module):
    """The inner product of each pair: `[n, fields, dim]` → `[n, fields (fields - 1) / 2]`."""

    above: Tensor

    def __init__(self, fields: int):
        super().__init__()
        above = torch.triu_indices(fields, fields, offset=1)
        self.register_buffer("above", above[0] * fields + above[1], persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors @ vectors.transpose(1, 2)).flatten(1)[:, self.above]
