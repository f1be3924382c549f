"""The first-order part of factorisation machines and of wide models: a weight per id and per number."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..schema import Column
from ..table import Table
from .inputs import Features


class Linear(nn.Module):
    """Columns → `[n]`: the sum of the weights of a row's ids and of its weighted numbers, and a bias."""

    def __init__(self, columns: Sequence[Column]):
        super().__init__()
        self.features = Features(columns, 1)
        if self.features.embeddings is not None:
            nn.init.zeros_(self.features.embeddings.weight)
        self.numbers = nn.Linear(max(1, len(self.features.numbers)), 1)

    def forward(self, inputs: Table) -> Tensor:
        ids, numbers = self.features(inputs)
        total: Tensor = ids.sum((1, 2)) + self.numbers.bias
        return total + numbers @ self.numbers.weight[0] if self.features.numbers else total
