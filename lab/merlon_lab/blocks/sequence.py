"""Sequences of items with side features → one vector for each place."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..schema import Column, Schema
from ..table import Table, pad


@dataclass(frozen=True)
class SequenceOptions:
    dim: int = 64
    """Dimension of an item's vector and of all states."""
    side_dim: int = 8
    """Dimension of each side feature's vector."""
    length: int = 20
    """Number of last items of a session that are read."""
    layers: int = 2
    heads: int = 2
    dropout: float = 0.2
    masking: str = "causal"
    """`causal`: each place predicts the next item from those before. `masked`: hidden items are predicted from both sides."""
    mask_rate: float = 0.3


class SequenceInputs(nn.Module):
    """Lists → `[n, length, dim]` and which places are filled, bool `[n, length]`.

    The item's vector, side features' vectors and numbers side by side, brought to `dim` by a linear layer. `mask` says which places hide what
    is there, side features too: they would give the item away.
    """

    def __init__(self, schema: Schema, options: SequenceOptions, *, std: float = 0.05):
        super().__init__()
        item = schema.only(["item", "id"], "A session model", is_list=True)
        self.item_column = item
        self.columns = tuple(c for c in schema.features if c.is_list)
        self.length = options.length
        self.items = nn.Parameter(torch.randn(item.cardinality or 1, options.dim) * std)
        side = [c for c in self.columns if c is not item]
        self.side = nn.ParameterDict({c.name: nn.Parameter(torch.randn(c.cardinality or 1, options.side_dim) * std) for c in side if c.is_categorical})
        self.numbers = [c.name for c in side if not c.is_categorical]
        width = options.dim + options.side_dim * len(self.side) + len(self.numbers)
        self.project = nn.Linear(width, options.dim) if side else nn.Identity()
        self.hidden = nn.Parameter(torch.randn(options.dim) * std)

    def ids(self, table: Table, length: int | None = None) -> tuple[Tensor, Tensor]:
        return pad(table, self.item_column.name, length or self.length)

    def forward(self, table: Table, length: int | None = None) -> tuple[Tensor, Tensor]:
        ids, filled = self.ids(table, length)
        parts = [nn.functional.embedding(ids, self.items)]
        for name, weight in self.side.items():
            parts.append(nn.functional.embedding(pad(table, name, length or self.length)[0], weight))
        for name in self.numbers:
            parts.append(pad(table, name, length or self.length)[0].unsqueeze(2))
        vectors: Tensor = self.project(torch.cat(parts, dim=2) if len(parts) > 1 else parts[0])
        return vectors, filled

    @property
    def target(self) -> Column:
        """The item as a column of its own: what is predicted."""
        return replace(self.item_column, is_list=False)


def last(states: Tensor, filled: Tensor) -> Tensor:
    """The state of each row's last filled position: `[n, length, d]` → `[n, d]`."""
    place = (filled.sum(1) - 1).clamp(min=0)
    return states.gather(1, place.reshape(-1, 1, 1).expand(-1, 1, states.shape[2])).squeeze(1)
