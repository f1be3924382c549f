"""Which items of all go with a user: a row's own item against drawn ones. Models answer vectors (two sides), or score pairs (NCF)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import LabError
from ..loader import Dataset
from ..losses import RANKING_LOSSES
from ..negatives import NEGATIVES, Drawn
from ..schema import Column, Schema
from ..table import Table, rows_of, slice_rows, take
from .catalogue import Catalogue, Known
from .measure import CHUNK, Ranked, measure
from .ranking import forget
from .task import Monitor, pick


@dataclass(frozen=True)
class RetrievalOptions:
    loss: str = "softmax"
    negatives: str = "in_batch"
    count: int = 256
    """Number of drawn negatives; `cached`: of remembered vectors."""
    temperature: float = 1.0
    id_dropout: float = 0.0
    log_q: bool = True
    """Correct a softmax for how likely each negative was."""


class RetrievalTask:
    monitor = Monitor("ndcg@10")

    def __init__(self, model: Any, schema: Schema, train: Table, options: RetrievalOptions):
        if options.loss not in RANKING_LOSSES:
            raise LabError(f"`{options.loss}` is no loss of a retrieval model. There are {', '.join(RANKING_LOSSES)}.")
        if options.negatives not in (*NEGATIVES, "all"):
            raise LabError(f"`{options.negatives}` is no way to draw negatives. There are {', '.join([*NEGATIVES, 'all'])}.")
        self.model: nn.Module = model
        self.options = options
        self.pairs = not hasattr(model, "query")
        self.item = schema.only(["item", "id"], "Retrieval")
        users = [c for c in schema.features if c.has("user", "id") and not c.is_list]
        self.user = users[0] if users else None
        self.query_columns: tuple[Column, ...] = (self.user,) if self.pairs and self.user else getattr(model, "query_columns", ())
        self.item_columns: tuple[Column, ...] = (self.item,) if self.pairs else model.item_columns
        self.catalogue = Catalogue(train, self.item, self.item_columns)
        # A row's history differs from row to row: each row is then a query of its own, without known items.
        self.by_user = self.user is not None and not any(c.is_list for c in self.query_columns)
        self.known = Known(train[self.user.name], self.catalogue.places(train[self.item.name]), len(self.catalogue)) if self.by_user and self.user else None
        self.score_loss = RANKING_LOSSES[options.loss]
        # A softmax needs many negatives, and may share them; losses of pairs need a few for each row.
        shared = options.loss == "softmax" and not self.pairs
        if options.negatives == "in_batch" and self.pairs:
            raise LabError("A model that scores pairs cannot share the batch's items. Choose `--negatives uniform` or `popularity`.")
        self.negatives = None if options.negatives == "all" else NEGATIVES[options.negatives](self.catalogue.counts, options.count, shared)
        self.categorical = [c for c in self.query_columns if c.is_categorical and not c.is_list]

    def loss(self, batch: Table) -> Tensor:
        own = self.catalogue.places(batch[self.item.name])
        drawn = Drawn(torch.arange(len(self.catalogue)), torch.zeros(len(self.catalogue))) if self.negatives is None else self.negatives.draw(own)
        positive, negative = self._score_pairs(batch, own, drawn) if self.pairs else self._score_sides(batch, own, drawn)
        if self.options.loss == "softmax" and self.options.log_q and self.options.negatives in ("in_batch", "cached", "popularity"):
            counts = self.catalogue.counts
            positive = positive - (counts[own] / counts.sum()).log()
            negative = negative - drawn.log_q
        items = drawn.items if drawn.items.dim() == 2 else drawn.items.unsqueeze(0)
        valid = items != own.unsqueeze(1)
        if self.known is not None and self.user is not None and self.negatives is not None:
            # A known positive of the user is not a negative.
            valid &= ~self.known.has(batch[self.user.name].unsqueeze(1), items)
        return self.score_loss(positive, negative, valid)

    def _score_sides(self, batch: Table, own: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        model: Any = self.model
        queries = model.query(forget(pick(batch, self.query_columns), self.categorical, self.options.id_dropout))
        mine = model.item(take(self.catalogue.table, own))
        if self.options.negatives in ("in_batch", "cached"):
            assert self.negatives is not None
            others = mine if drawn.vectors is None else torch.cat([mine, drawn.vectors])
            self.negatives.remember(own, mine)
        else:
            others = model.item(take(self.catalogue.table, drawn.items.flatten()))
        return against(queries, mine, others, drawn.items, self.options.temperature)

    def _score_pairs(self, batch: Table, own: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        assert self.user is not None
        users = batch[self.user.name]
        n = drawn.items.shape[1]
        items = torch.cat([own, drawn.items.flatten()])
        scores = self.model({self.user.name: torch.cat([users, users.repeat_interleave(n)]), self.item.name: self.catalogue.ids[items]}).squeeze(1)
        return scores[: len(own)], scores[len(own) :].view(-1, n)

    def evaluate(self, held_out: Dataset) -> dict[str, float]:
        return measure(self.ranked(held_out))

    def ranked(self, held_out: Dataset) -> Iterator[Ranked]:
        """Per chunk of users, or of rows: scores float `[q, items]`, `wanted` bool, `known` bool or None. Items that training has not seen are left out."""
        table = held_out.read_all()
        own = self.catalogue.places(table[self.item.name])
        table, own = take(table, (own >= 0).nonzero().squeeze(1)), own[own >= 0]
        if len(own) == 0:
            raise LabError("No item of the held-out data occurs in the training data, so nothing can be measured. Choose another split.")
        if self.by_user and self.user is not None:
            users, inverse = torch.unique(table[self.user.name], return_inverse=True)
            row = torch.zeros(len(users), dtype=torch.int64).scatter_reduce(0, inverse, torch.arange(len(own)), "amin", include_self=False)
            queries = take(pick(table, self.query_columns), row)
        else:
            users, inverse, queries = torch.arange(len(own)), torch.arange(len(own)), pick(table, self.query_columns)
        for start in range(0, len(users), CHUNK):
            stop = min(start + CHUNK, len(users))
            mine = (inverse >= start) & (inverse < stop)
            wanted = torch.zeros(stop - start, len(self.catalogue), dtype=torch.bool)
            wanted[inverse[mine] - start, own[mine]] = True
            known = None
            if self.known is not None:
                known = self.known.matrix(users[start:stop])
                # Requested again: it may be shown.
                wanted &= ~known
            yield self.scores(slice_rows(queries, start, stop)), wanted, known

    def scores(self, queries: Table) -> Tensor:
        """float32 `[queries, items]`."""
        model: Any = self.model
        with torch.no_grad():
            if not self.pairs:
                return model.query(queries) @ self.item_vectors().T
            assert self.user is not None
            users, size = queries[self.user.name], len(self.catalogue)
            rows = [model({self.user.name: user.expand(size), self.item.name: self.catalogue.ids}).squeeze(1) for user in users]
            return torch.stack(rows)

    def item_vectors(self) -> Tensor:
        model: Any = self.model
        with torch.no_grad():
            vectors: Tensor = model.item(self.catalogue.table)
        return vectors


def against(queries: Tensor, mine: Tensor, others: Tensor, drawn: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Scores of each query `[b, d]` with its own item `[b, d]`: `[b]`; and with the drawn ones, flat: `[b, n]`. `drawn` is `[n]`, or `[b, n]` for each its own."""
    positive = (queries * mine).sum(1) / temperature
    if drawn.dim() == 1:
        return positive, queries @ others.T / temperature
    return positive, (queries.unsqueeze(1) * others.view(*drawn.shape, -1)).sum(2) / temperature


def popularity_scores(task: RetrievalTask, queries: Table) -> Tensor:
    """The baseline of a model: the same order for every user."""
    return task.catalogue.counts.float().expand(rows_of(queries), -1)
