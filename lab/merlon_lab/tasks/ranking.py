"""Rows with targets: how likely is a purchase, how many stars? One logit per target."""

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import LabError
from ..loader import Dataset, Loader
from ..losses import POINT_LOSSES, squared_error
from ..metrics import auc, log_loss, rmse
from ..schema import Column, Schema
from ..table import Table, rows_of
from .task import Monitor

EVALUATION_BATCH = 8192


class RankingTask:
    def __init__(self, model: nn.Module, schema: Schema, *, loss: str = "binary_cross_entropy", id_dropout: float = 0.0):
        if loss not in POINT_LOSSES:
            raise LabError(f"`{loss}` is no loss of a ranking model. There are {', '.join(POINT_LOSSES)}.")
        self.model, self.targets = model, schema.targets
        self.point_loss = POINT_LOSSES[loss]
        self.id_dropout = id_dropout
        self.ids = [c for c in schema.features if c.is_categorical and not c.is_list]
        first = self.targets[0]
        self.monitor = Monitor(f"{first.name}/rmse", False) if is_regression(first) else Monitor(f"{first.name}/auc")

    def loss(self, batch: Table) -> Tensor:
        logits: Tensor = self.model(forget(batch, self.ids, self.id_dropout))
        losses = []
        for i, target in enumerate(self.targets):
            point = squared_error if is_regression(target) else self.point_loss
            losses.append(point(logits[:, i], batch[target.name]))
        return torch.stack(losses).mean()

    def evaluate(self, held_out: Dataset) -> dict[str, float]:
        logits, labels = score_rows(self.model, held_out, self.targets)
        metrics: dict[str, float] = {}
        for i, target in enumerate(self.targets):
            seen = labels[target.name]
            if is_regression(target):
                metrics[f"{target.name}/rmse"] = rmse(logits[:, i], seen)
                continue
            metrics[f"{target.name}/auc"] = auc(logits[:, i], seen)
            metrics[f"{target.name}/log_loss"] = log_loss(1 / (1 + np.exp(-logits[:, i].astype(np.float64))), seen)
        return metrics


def is_regression(target: Column) -> bool:
    return "regression" in target.tags


def score_rows(model: nn.Module, held_out: Dataset, targets: tuple[Column, ...]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits float32 `[rows, targets]`, and labels by target, in the data's order."""
    answers: list[Tensor] = []
    labels: dict[str, list[Tensor]] = {t.name: [] for t in targets}
    with torch.no_grad():
        for batch in Loader(held_out, EVALUATION_BATCH, shuffle=False):
            answers.append(model(batch))
            for name, seen in labels.items():
                seen.append(batch[name])
    return torch.cat(answers).numpy(), {name: torch.cat(seen).numpy() for name, seen in labels.items()}


def forget(batch: Table, columns: list[Column], rate: float) -> Table:
    """Makes some ids unknown (2, what `categorify` gives to strangers), so that a model learns what to say of them."""
    if rate <= 0:
        return batch
    changed = dict(batch)
    for column in columns:
        if (column.cardinality or 0) > 3:
            ids = batch[column.name]
            changed[column.name] = torch.where(torch.rand(rows_of({column.name: ids})) < rate, torch.full_like(ids, 2), ids)
    return changed
