"""Training on logged exposures: sample weights, inverse propensities, and the position in which a row was shown."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from .errors import LabError
from .loader import Dataset
from .schema import Column, Schema, listed
from .table import Table

TAG = "logged"
"""Tag of columns that are read in training alone, and are not inputs of a model."""


@dataclass(frozen=True)
class Logged:
    """Columns that `merlon feedback join` writes and `merlon transform --keep` carries along."""

    weight: str | None = None
    """Sample weights, from 0."""
    propensity: str | None = None
    """Probability with which a row was shown: a row counts `1 / propensity`."""
    clip: float = 100.0
    """Largest `1 / propensity`."""
    position: str | None = None
    """Place in the list, from 1."""
    position_model: str = "examination"
    """See `PositionTerm`."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in (self.weight, self.propensity, self.position) if name is not None)

    @property
    def weighs(self) -> bool:
        return self.weight is not None or self.propensity is not None

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class WeightSummary:
    """Weights of the training rows: what their mean is, and how many rows they are worth."""

    rows: int
    mean: float
    effective_rows: float
    """(Σ w)² / Σ w²"""
    clipped: int
    """Rows whose `1 / propensity` is above the bound."""

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"weights: {self.rows:,} rows are worth {self.effective_rows:,.0f}; {self.clipped:,} have the largest weight"


@dataclass
class RowWeights:
    """Weights of rows over their mean in the training data (self-normalized), so that they are about 1."""

    logged: Logged
    mean: float = field(default=1.0)

    def of(self, batch: Table) -> Tensor | None:
        """float32 `[n]`; None if rows have no weights."""
        return None if not self.logged.weighs else raw_weights(self.logged, batch) / self.mean


def raw_weights(logged: Logged, table: Table) -> Tensor:
    """`weight · min(1 / propensity, clip)`, float32 `[n]`."""
    names = [name for name in (logged.weight, logged.propensity) if name is not None]
    weights = torch.ones_like(table[names[0]])
    if logged.weight is not None:
        weights = weights * table[logged.weight]
    if logged.propensity is not None:
        weights = weights * (1 / table[logged.propensity]).clamp(max=logged.clip)
    return weights


def with_logged(schema: Schema, logged: Logged) -> Schema:
    """The schema with these columns, none of which is a feature any more. Raises LabError if one of them is a target, or has two roles."""
    if len(set(logged.columns)) < len(logged.columns):
        raise LabError(f"{listed(logged.columns)}: a column has one role. Name others with `--weight`, `--propensity` and `--position`.")
    for name in logged.columns:
        if any(target.name == name for target in schema.targets):
            raise LabError(f"`{name}` is the target. Name another column with `--weight`, `--propensity` or `--position`.")
    kept = tuple(c for c in schema.columns if c.name not in logged.columns)
    return Schema(kept + tuple(Column(name, "float32", frozenset({TAG}), None) for name in logged.columns), schema.path)


def summarize(logged: Logged, train: Dataset) -> WeightSummary:
    """Reads these columns of all training rows, and no others. Raises LabError for a value that cannot be meant."""
    if not logged.columns:
        return WeightSummary(0, 1.0, 0.0, 0)
    columns = tuple(c for c in train.columns if c.name in logged.columns)
    rows = clipped = 0
    total = squares = 0.0
    for table in _tables(Dataset(train.files, columns, train.groups)):
        check_values(logged, table)
        if not logged.weighs:
            continue
        weights = raw_weights(logged, table).double()
        rows, total, squares = rows + len(weights), total + float(weights.sum()), squares + float((weights**2).sum())
        if logged.propensity is not None:
            clipped += int((1 / table[logged.propensity] > logged.clip).sum())
    if logged.weighs and total == 0:
        raise LabError(f"All weights of the training rows are 0 (`{logged.weight}`). There is nothing to learn.")
    return WeightSummary(rows, total / rows if rows else 1.0, total**2 / squares if squares else 0.0, clipped)


def _tables(dataset: Dataset) -> Iterator[Table]:
    return (dataset.read(group) for group in dataset.groups)


def check_values(logged: Logged, table: Table) -> None:
    """Raises LabError naming the column, a row and a way out."""
    if logged.weight is not None:
        _refuse(logged.weight, table, table[logged.weight] < 0, "a weight is 0 or more")
    if logged.propensity is not None:
        p = table[logged.propensity]
        _refuse(logged.propensity, table, (p <= 0) | (p > 1 + 1e-6), "the propensity of a shown row is above 0 and up to 1")
    if logged.position is not None:
        position = table[logged.position]
        _refuse(logged.position, table, (position < 1) | (position != position.floor()), "positions are whole numbers from 1")


def _refuse(name: str, table: Table, wrong: Tensor, expected: str) -> None:
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise LabError(f"column `{name}` is {float(table[name][row]):g} in row {row}: {expected}. Leave such rows out of the data.")
