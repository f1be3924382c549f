"""A table of tensors: one per column; a list column `c` is the pair `c__values`, `c__offsets`, as it travels to a served model."""

from collections.abc import Sequence

import torch

Table = dict[str, torch.Tensor]


def rows_of(table: Table) -> int:
    """Number of rows: of a plain column its length, of a list column one less than its offsets."""
    name, tensor = next(iter((n, t) for n, t in table.items() if not n.endswith("__values")))
    return len(tensor) - 1 if name.endswith("__offsets") else len(tensor)


def take(table: Table, rows: torch.Tensor) -> Table:
    """These rows (int64 `[n]`), in this order."""
    taken: Table = {}
    for name, tensor in table.items():
        if name.endswith("__values"):
            continue
        if not name.endswith("__offsets"):
            taken[name] = tensor[rows]
            continue
        column = name.removesuffix("__offsets")
        start = tensor[:-1][rows].long()
        lengths = tensor[1:][rows].long() - start
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        within = torch.arange(int(offsets[-1])) - offsets[:-1].repeat_interleave(lengths)
        taken[f"{column}__values"] = table[f"{column}__values"][start.repeat_interleave(lengths) + within]
        taken[name] = offsets.to(tensor.dtype)
    return taken


def slice_rows(table: Table, start: int, stop: int) -> Table:
    """Rows `start` to `stop`: views of the same memory, but for the offsets of lists."""
    sliced: Table = {}
    for name, tensor in table.items():
        if name.endswith("__values"):
            offsets = table[f"{name.removesuffix('__values')}__offsets"]
            sliced[name] = tensor[int(offsets[start]) : int(offsets[stop])]
        elif name.endswith("__offsets"):
            sliced[name] = tensor[start : stop + 1] - tensor[start]
        else:
            sliced[name] = tensor[start:stop]
    return sliced


def concat(tables: Sequence[Table]) -> Table:
    """The rows of all tables, one table after the other."""
    if len(tables) == 1:
        return tables[0]
    joined: Table = {}
    for name in tables[0]:
        parts = [t[name] for t in tables]
        if name.endswith("__offsets"):
            ends = torch.tensor([0] + [int(p[-1]) for p in parts[:-1]]).cumsum(0)
            parts = [(p if i == 0 else p[1:]) + ends[i].to(p.dtype) for i, p in enumerate(parts)]
        joined[name] = torch.cat(parts)
    return joined


def pad(table: Table, column: str, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The last `length` values of each list, first to last, filled up with 0 on the right.

    Returns values `[n, length]` and a bool mask `[n, length]` that is true where there is a value. Lists may be empty.
    """
    values, offsets = table[f"{column}__values"], table[f"{column}__offsets"].long()
    end = offsets[1:]
    start = torch.maximum(offsets[:-1], end - length)
    places = start.unsqueeze(1) + torch.arange(length)
    mask = places < end.unsqueeze(1)
    # One more value, so that a place beyond the end, or a column without any value, points somewhere.
    values = torch.cat([values, values.new_zeros(1)])
    padded = values[torch.where(mask, places, torch.zeros_like(places))]
    return torch.where(mask, padded, torch.zeros_like(padded)), mask
