"""The interface of a task for the training loop."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from ..loader import Dataset
from ..schema import Column
from ..table import Table


class Task(Protocol):
    model: nn.Module
    monitor: "Monitor"

    def loss(self, batch: Table) -> Tensor:
        """Mean over the batch, with a gradient."""

    def evaluate(self, held_out: Dataset) -> dict[str, float]:
        """Metrics by name; the model is in evaluation mode."""


@dataclass(frozen=True)
class Monitor:
    """The metric that decides when to stop."""

    name: str
    higher_is_better: bool = True

    def better(self, new: float, old: float | None) -> bool:
        return old is None or (new > old if self.higher_is_better else new < old)


def column_names(columns: tuple[Column, ...]) -> list[str]:
    """Names of the tensors that these columns are in a Table."""
    return [name for c in columns for name in ((f"{c.name}__values", f"{c.name}__offsets") if c.is_list else (c.name,))]


def pick(table: Table, columns: tuple[Column, ...]) -> Table:
    return {name: table[name] for name in column_names(columns)}
