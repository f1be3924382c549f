"""DLRM (Naumov et al., 2019): embeddings and a bottom network meet in pairwise inner products, a top network decides."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from .blocks import Continuous, Embeddings, forget, mlp
from .schema import Column
from .tables import Table, take


class DLRM(nn.Module):
    """Columns -> logit, one per row."""

    def __init__(self, columns: Sequence[Column], dim: int = 16, hidden: int = 64, dropout: float = 0.2, shared: Sequence[Sequence[str]] = ()):
        super().__init__()
        self.columns = list(columns)
        categorical = [c for c in columns if c.is_categorical]
        continuous = [c for c in columns if not c.is_categorical]
        self.embeddings = Embeddings(categorical, dim, shared)
        self.continuous = Continuous(continuous)
        self.bottom = mlp([len(continuous), hidden, dim], dropout)
        vectors = len(categorical) + 1
        above = torch.triu_indices(vectors, vectors, offset=1)
        self.register_buffer("above", above[0] * vectors + above[1], persistent=False)
        self.top = mlp([dim * vectors + len(continuous) + len(self.above), hidden, hidden // 2, 1], dropout)

    def forward(self, inputs: Table) -> torch.Tensor:
        dense = self.continuous(inputs)
        vectors = torch.stack([self.bottom(dense), *self.embeddings(inputs)], dim=1)
        products = (vectors @ vectors.transpose(1, 2)).flatten(1)[:, self.above]
        return self.top(torch.cat([vectors.flatten(1), dense, products], dim=1)).squeeze(1)


class Probability(nn.Module):
    """The trained ranker as it is served: a probability in `[n, 1]`, as Merlin Models answers it."""

    def __init__(self, model: DLRM):
        super().__init__()
        self.model = model
        self.columns = model.columns

    def forward(self, inputs: Table) -> torch.Tensor:
        return torch.sigmoid(self.model(inputs)).unsqueeze(1)


def train_dlrm(model: DLRM, table: Table, target: torch.Tensor, *, epochs: int, batch: int, lr: float, weight_decay: float) -> None:
    """Trains in place with binary cross entropy."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, epochs * -(-len(target) // batch))
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(target)).split(batch):
            inputs = forget(forget(take(table, rows), "user_id", 0.2), "item_id", 0.2)
            loss = functional.binary_cross_entropy_with_logits(model(inputs), target[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
