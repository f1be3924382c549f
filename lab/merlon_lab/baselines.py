"""What a model has to beat: a logistic regression on the same columns. (The other one, popularity, is a column.)"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from .schema import Column
from .tables import Table


class LogisticRegression(nn.Module):
    """A weight per id and per number, and their sum."""

    def __init__(self, columns: Sequence[Column]):
        super().__init__()
        self.categorical = [c.name for c in columns if c.is_categorical]
        self.continuous = [c.name for c in columns if not c.is_categorical]
        self.weights = nn.ModuleDict({c.name: nn.Embedding(c.cardinality, 1) for c in columns if c.is_categorical})
        for table in self.weights.values():
            nn.init.zeros_(table.weight)
        self.linear = nn.Linear(len(self.continuous), 1)

    def forward(self, inputs: Table) -> torch.Tensor:
        ids = sum(self.weights[name](inputs[name]) for name in self.categorical)
        numbers = torch.stack([inputs[name].float() for name in self.continuous], dim=1)
        return (ids + self.linear(numbers)).squeeze(1)


def train_logistic_regression(columns: Sequence[Column], table: Table, target: torch.Tensor, l2: float = 3e-4) -> LogisticRegression:
    """Fits all rows at once with L-BFGS: the problem is convex, so the answer does not depend on a seed."""
    model = LogisticRegression(columns)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        penalty = sum((p**2).sum() for p in model.parameters())
        loss = functional.binary_cross_entropy_with_logits(model(table), target) + l2 * penalty
        loss.backward()
        return loss

    optimiser.step(closure)
    return model
