"""Rows with targets: how likely is a purchase, how many stars? One logit per target."""

import numpy as np
import torch
from torch import Tensor, nn

from ..blocks.position import position_of
from ..errors import LabError
from ..loader import Dataset, Loader
from ..logged import Logged, RowWeights
from ..losses import POINT_LOSSES, squared_error, weighted
from ..metrics import auc, log_loss, rmse
from ..schema import Column, Schema
from ..table import Table, rows_of
from .task import Monitor

EVALUATION_BATCH = 8192


class RankingTask:
    """Loss and metrics of rows. With weights, both are weighted. With positions, metrics are of the served model, and the monitor is of the clicks."""

    def __init__(
        self, model: nn.Module, schema: Schema, *, loss: str = "binary_cross_entropy", id_dropout: float = 0.0, weights: RowWeights | None = None
    ):
        if loss not in POINT_LOSSES:
            raise LabError(f"`{loss}` is no loss of a ranking model. There are {', '.join(POINT_LOSSES)}.")
        self.model, self.targets = model, schema.targets
        self.point_loss = POINT_LOSSES[loss]
        self.id_dropout = id_dropout
        self.weights = weights or RowWeights(Logged())
        self.position = position_of(model)
        self.ids = [c for c in schema.features if c.is_categorical and not c.is_list]
        first = self.targets[0]
        if self.position is not None:
            self._check_position(loss)
            self.monitor = Monitor("logged_loss", False)
        else:
            self.monitor = Monitor(f"{first.name}/rmse", False) if is_regression(first) else Monitor(f"{first.name}/auc")

    def _check_position(self, loss: str) -> None:
        regression = next((t.name for t in self.targets if is_regression(t)), None)
        if self.position is not None and self.position.kind == "examination" and (regression or loss != "binary_cross_entropy"):
            what = f"`{regression}` is a value" if regression else f"`{loss}` has none"
            raise LabError(f"An examination model explains probabilities of clicks, and {what}. Take `--position-model additive`.")

    def loss(self, batch: Table) -> Tensor:
        return self._loss(self.model(forget(batch, self.ids, self.id_dropout)), batch)

    def _loss(self, logits: Tensor, batch: Table) -> Tensor:
        weights = self.weights.of(batch)
        shown = None if self.position is None else self.position.of(batch)
        losses = []
        for i, target in enumerate(self.targets):
            point = squared_error if is_regression(target) else self.point_loss
            own, labels = logits[:, i], batch[target.name]
            if self.position is not None and shown is not None and self.position.kind == "examination":
                losses.append(weighted(self.position.click_loss(own, shown[:, i], labels), weights))
            else:
                losses.append(point(own if shown is None else own + shown[:, i], labels, weights))
        return torch.stack(losses).mean()

    def evaluate(self, held_out: Dataset) -> dict[str, float]:
        logits, table = score_batches(self.model, held_out, self._read())
        kept = self.weights.of(table)
        weights = None if kept is None else kept.numpy()
        metrics: dict[str, float] = {}
        for i, target in enumerate(self.targets):
            own, seen = logits[:, i].numpy(), table[target.name].numpy()
            if is_regression(target):
                metrics[f"{target.name}/rmse"] = rmse(own, seen, weights)
                continue
            metrics[f"{target.name}/auc"] = auc(own, seen, weights)
            metrics[f"{target.name}/log_loss"] = log_loss(1 / (1 + np.exp(-own.astype(np.float64))), seen, weights)
        if self.position is not None:
            with torch.no_grad():
                metrics["logged_loss"] = float(self._loss(logits, table))
        return metrics

    def _read(self) -> tuple[str, ...]:
        """Columns of the data that are not inputs."""
        position = () if self.position is None else (self.position.column,)
        return tuple(dict.fromkeys([*(t.name for t in self.targets), *self.weights.logged.columns, *position]))


def is_regression(target: Column) -> bool:
    return "regression" in target.tags


def score_batches(model: nn.Module, held_out: Dataset, columns: tuple[str, ...]) -> tuple[Tensor, Table]:
    """Logits float32 `[rows, targets]`, and these columns, in the data's order."""
    answers: list[Tensor] = []
    read: dict[str, list[Tensor]] = {name: [] for name in columns}
    with torch.no_grad():
        for batch in Loader(held_out, EVALUATION_BATCH, shuffle=False):
            answers.append(model(batch))
            for name, seen in read.items():
                seen.append(batch[name])
    return torch.cat(answers), {name: torch.cat(seen) for name, seen in read.items()}


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
