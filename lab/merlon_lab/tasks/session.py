"""The next item of a session: a softmax over all items, or losses of pairs against drawn ones."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import LabError
from ..loader import Dataset
from ..losses import RANKING_LOSSES
from ..negatives import NEGATIVES
from ..schema import Schema
from ..table import Table, rows_of, slice_rows, take
from .catalogue import Catalogue
from .measure import CHUNK, Ranked, measure
from .retrieval import RetrievalOptions, against
from .task import Monitor, pick


class SessionTask:
    monitor = Monitor("ndcg@10")

    def __init__(self, model: Any, schema: Schema, train: Table, options: RetrievalOptions):
        if options.loss not in RANKING_LOSSES:
            raise LabError(f"`{options.loss}` is no loss of a session model. There are {', '.join(RANKING_LOSSES)}.")
        if options.negatives not in ("all", "uniform", "popularity"):
            raise LabError(f"`{options.negatives}` is no way to draw negatives for sessions. There are all, uniform, popularity.")
        self.model: nn.Module = model
        self.options = options
        self.item = schema.only(["item", "id"], "A session model", is_list=True)
        self.query_columns = model.query_columns
        self.item_columns = model.item_columns
        self.catalogue = Catalogue(train, self.item, model.item_columns)
        self.score_loss = RANKING_LOSSES[options.loss]
        shared = options.loss == "softmax"
        self.negatives = None if options.negatives == "all" else NEGATIVES[options.negatives](self.catalogue.counts, options.count, shared)

    def loss(self, batch: Table) -> Tensor:
        model: Any = self.model
        states, ids = model.examples(batch)
        if len(ids) == 0:
            return states.sum()
        own = self.catalogue.places(ids)
        table = self.catalogue.table
        if self.negatives is None:
            scores = states @ model.item(table).T / self.options.temperature
            positive = scores.gather(1, own.unsqueeze(1)).squeeze(1)
            valid = torch.arange(len(self.catalogue)).unsqueeze(0) != own.unsqueeze(1)
            return self.score_loss(positive, scores, valid)
        drawn = self.negatives.draw(own)
        others = model.item(take(table, drawn.items.flatten()))
        positive, negative = against(states, model.item(take(table, own)), others, drawn.items, self.options.temperature)
        if self.options.loss == "softmax" and self.options.negatives == "popularity" and self.options.log_q:
            counts = self.catalogue.counts
            positive, negative = positive - (counts[own] / counts.sum()).log(), negative - drawn.log_q
        items = drawn.items if drawn.items.dim() == 2 else drawn.items.unsqueeze(0)
        return self.score_loss(positive, negative, items != own.unsqueeze(1))

    def evaluate(self, held_out: Dataset) -> dict[str, float]:
        return measure(self.ranked(held_out))

    def ranked(self, held_out: Dataset) -> Iterator[Ranked]:
        """Per chunk of sessions: scores float `[q, items]`, `wanted` bool: their last item. Items that training has not seen can't be found: left out."""
        queries, targets = without_last(held_out.read_all(), self.item.name)
        own = self.catalogue.places(targets)
        queries, own = take(queries, (own >= 0).nonzero().squeeze(1)), own[own >= 0]
        if len(own) == 0:
            raise LabError("No session of the held-out data ends in an item that the training data has. Choose another split.")
        for start in range(0, len(own), CHUNK):
            stop = min(start + CHUNK, len(own))
            wanted = nn.functional.one_hot(own[start:stop], len(self.catalogue)).bool()
            yield self.scores(slice_rows(queries, start, stop)), wanted, None

    def scores(self, queries: Table) -> Tensor:
        """float32 `[sessions, items]`."""
        model: Any = self.model
        with torch.no_grad():
            return model.query(pick(queries, self.query_columns)) @ self.item_vectors().T

    def item_vectors(self) -> Tensor:
        model: Any = self.model
        with torch.no_grad():
            vectors: Tensor = model.item(self.catalogue.table)
        return vectors


def without_last(table: Table, item: str) -> tuple[Table, Tensor]:
    """Sessions of two items or more without their last step, and the item ids of those steps (int64 `[n]`)."""
    offsets = table[f"{item}__offsets"].long()
    table = take(table, (offsets[1:] - offsets[:-1] > 1).nonzero().squeeze(1))
    if rows_of(table) == 0:
        raise LabError(f"No session of the held-out data has two items in `{item}`, so there is no next item to predict.")
    targets = table[f"{item}__values"][table[f"{item}__offsets"][1:].long() - 1]
    cut: Table = {}
    for name, tensor in table.items():
        if name.endswith("__offsets"):
            cut[name] = tensor - torch.arange(len(tensor), dtype=tensor.dtype)
        elif name.endswith("__values"):
            keep = torch.ones(len(tensor), dtype=torch.bool)
            keep[table[f"{name.removesuffix('__values')}__offsets"][1:].long() - 1] = False
            cut[name] = tensor[keep]
        else:
            cut[name] = tensor
    return cut, targets
