"""Reads Parquet tables into tensors."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

Table = dict[str, torch.Tensor]


def read_table(path: Path, columns: list[str] | None = None) -> Table:
    """One tensor per column; rows keep their order."""
    table = pq.read_table(path, columns=columns)
    return {name: torch.from_numpy(np.array(table[name].to_numpy())) for name in table.column_names}


def take(table: Table, rows: torch.Tensor) -> Table:
    return {name: values[rows] for name, values in table.items()}


def positions(keys: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """Where each key stands in `of`; -1 for a key that is not there."""
    order = torch.argsort(of)
    found = torch.searchsorted(of[order], keys).clamp(max=len(of) - 1)
    rows = order[found]
    return torch.where(of[rows] == keys, rows, torch.full_like(rows, -1))
