"""The items that can be recommended: their columns, frequencies, and positions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..schema import Column
from ..table import Table, take
from .task import pick


class Catalogue:
    """Items of the training data, in order of their ids."""

    def __init__(self, table: Table, item: Column, columns: Sequence[Column]):
        listed = f"{item.name}__values" in table
        ids = table[f"{item.name}__values"] if listed else table[item.name]
        self.ids, inverse, self.counts = torch.unique(ids, return_inverse=True, return_counts=True)
        if listed or all(c.name == item.name for c in columns):
            self.table: Table = {item.name: self.ids}
        else:
            # An item's columns are those of its last row.
            row = torch.zeros(len(self.ids), dtype=torch.int64).scatter_reduce(0, inverse, torch.arange(len(ids)), "amax", include_self=False)
            self.table = take(pick(table, tuple(columns)), row)
            self.table[item.name] = self.ids
        self.item = item
        self._place = torch.full((int(max(item.cardinality or 0, int(self.ids.max()) + 1)),), -1, dtype=torch.int64)
        self._place[self.ids] = torch.arange(len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: Tensor) -> Tensor:
        """Positions of items; -1 for those that are not in the training data."""
        return self._place[ids]


class Known:
    """Pairs of user and item that the training data has."""

    def __init__(self, users: Tensor, items: Tensor, size: int):
        self.size = size
        self.keys = torch.unique(users * size + items)

    def has(self, users: Tensor, items: Tensor) -> Tensor:
        """bool, of the broadcast shape of both."""
        keys = users * self.size + items
        found = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        return self.keys[found] == keys

    def matrix(self, users: Tensor) -> Tensor:
        """bool `[len(users), size]`."""
        return self.has(users.unsqueeze(1), torch.arange(self.size).unsqueeze(0))
