"""The two towers: a customer's and a product's columns -> vectors whose inner product says how well they go together."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from .blocks import Continuous, Embeddings, forget, mlp
from .schema import Column
from .tables import Table, take


class Tower(nn.Module):
    """Columns -> a vector of length one."""

    def __init__(self, columns: Sequence[Column], dim: int, embedding_dim: int = 16, hidden: int = 64):
        super().__init__()
        self.columns = list(columns)
        categorical = [c for c in columns if c.is_categorical]
        continuous = [c for c in columns if not c.is_categorical]
        self.embeddings = Embeddings(categorical, embedding_dim)
        self.continuous = Continuous(continuous)
        self.mlp = mlp([embedding_dim * len(categorical) + len(continuous), hidden, dim])

    def forward(self, inputs: Table) -> torch.Tensor:
        features = torch.cat([*self.embeddings(inputs), self.continuous(inputs)], dim=1)
        return functional.normalize(self.mlp(features), dim=1)


def sampled_softmax(queries: torch.Tensor, items: torch.Tensor, ids: torch.Tensor, log_q: torch.Tensor, temperature: float) -> torch.Tensor:
    """In-batch sampled softmax. Popular items are drawn as negatives more often than rare ones; subtracting the logarithm of how often corrects that."""
    logits = queries @ items.T / temperature - log_q
    # The same item elsewhere in the batch is no negative.
    same = (ids[:, None] == ids[None, :]) & ~torch.eye(len(ids), dtype=torch.bool)
    return functional.cross_entropy(logits.masked_fill(same, -1e9), torch.arange(len(ids)))


def train_towers(
    query: Tower, item: Tower, users: Table, items: Table, pairs: torch.Tensor, weights: torch.Tensor, *, epochs: int, batch: int, temperature: float, lr: float
) -> None:
    """Trains both towers in place. `pairs` holds rows of `users` and of `items`; each epoch draws as many pairs as there are, by weight."""
    shares = torch.zeros(len(items["item_id"])).index_add_(0, pairs[:, 1], weights)
    log_q = (shares / shares.sum()).clamp(min=1e-9).log()
    optimiser = torch.optim.AdamW([*query.parameters(), *item.parameters()], lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for rows in torch.multinomial(weights, len(weights), replacement=True).split(batch):
            user, chosen = pairs[rows].T
            queries = query(forget(take(users, user), "user_id", 0.1))
            vectors = item(forget(take(items, chosen), "item_id", 0.1))
            loss = sampled_softmax(queries, vectors, chosen, log_q[chosen], temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
