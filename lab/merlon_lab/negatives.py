"""Negatives: which items a row's own is compared with. Each way of drawing says how likely an item was, so that a softmax can correct for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Drawn:
    """Items for a batch of b rows."""

    items: Tensor
    """Places in the catalogue, int64: `[n]` for all rows alike, or `[b, n]`."""
    log_q: Tensor
    """ln of the probability that an item is drawn, float32, of the shape of `items`."""
    vectors: Tensor | None = None
    """Item vectors of an earlier batch, float32 `[n, d]`, where they are remembered."""


class Negatives(Protocol):
    def draw(self, own: Tensor) -> Drawn:
        """Negatives for rows whose own items these are (int64 `[b]`)."""

    def remember(self, own: Tensor, vectors: Tensor) -> None:
        """Called after each batch: its items, and their vectors `[b, d]`."""


class Weighted:
    """Draws by weight, each row its own or all rows the same."""

    def __init__(self, weights: Tensor, count: int, *, shared: bool):
        self.shares = weights.double() / weights.double().sum()
        self.log_q = self.shares.clamp(min=1e-12).log().float()
        self.cumulative = self.shares.cumsum(0)
        self.count, self.shared = count, shared

    def draw(self, own: Tensor) -> Drawn:
        shape = (self.count,) if self.shared else (len(own), self.count)
        # A search in the running sum: multinomial() costs as much as the catalogue is long for each row.
        places = torch.searchsorted(self.cumulative, torch.rand(shape, dtype=torch.float64)).clamp(max=len(self.shares) - 1)
        return Drawn(places, self.log_q[places])

    def remember(self, own: Tensor, vectors: Tensor) -> None:
        pass


class InBatch:
    """The items of the batch's other rows: free, and as popular as the data makes them."""

    def __init__(self, counts: Tensor):
        shares = counts.double() / counts.sum()
        self.log_q = shares.clamp(min=1e-12).log().float()

    def draw(self, own: Tensor) -> Drawn:
        return Drawn(own, self.log_q[own])

    def remember(self, own: Tensor, vectors: Tensor) -> None:
        pass


class CrossBatch(InBatch):
    """The batch's own, and those of the last batches with the vectors that they had then (Wang et al., 2021): more negatives, no more work."""

    def __init__(self, counts: Tensor, capacity: int):
        super().__init__(counts)
        self.capacity = capacity
        self.items: Tensor | None = None
        self.vectors: Tensor | None = None

    def draw(self, own: Tensor) -> Drawn:
        if self.items is None:
            return Drawn(own, self.log_q[own])
        items = torch.cat([own, self.items])
        return Drawn(items, self.log_q[items], self.vectors)

    def remember(self, own: Tensor, vectors: Tensor) -> None:
        vectors = vectors.detach()
        self.items = own if self.items is None else torch.cat([own, self.items])[: self.capacity]
        self.vectors = vectors if self.vectors is None else torch.cat([vectors, self.vectors])[: self.capacity]


NEGATIVES: dict[str, Callable[[Tensor, int, bool], Negatives]] = {
    "uniform": lambda counts, n, shared: Weighted(torch.ones_like(counts), n, shared=shared),
    "popularity": lambda counts, n, shared: Weighted(counts.float().clamp(min=1e-3) ** 0.75, n, shared=shared),
    "in_batch": lambda counts, n, shared: InBatch(counts),
    "cached": lambda counts, n, shared: CrossBatch(counts, n),
}
"""name → (how often each item occurs, how many, whether one draw serves all rows) → Negatives."""
