"""Item vectors → Parquet, as `merlon index build` reads it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..errors import LabError
from ..loader import open_dataset
from ..run import Run
from ..schema import Column
from ..table import Table, rows_of, slice_rows, take

CHUNK = 8192


def write_embeddings(run: Run, path: Path, items: Path | None, key: str | None) -> int:
    """A row for each item: its key and `item_embedding`, float32 `[d]`. Returns how many.

    items: a transformed table with the item's columns and `key`, the ids of responses. Otherwise the items of the training data by encoded id.
    """
    item: Column = run.schema.only(["item", "id"], "An embedding table") if run.kind != "session" else run.model.item_columns[0]
    columns: tuple[Column, ...] = run.model.item_columns
    if items is None:
        table, keys, name = run.catalogue, run.catalogue[item.name], item.name
    else:
        table = _read_items(run, items, columns)
        name = key or item.name
        raw = pq.ParquetFile(items) if items.is_file() else pq.ParquetDataset(items)
        names = (raw.schema_arrow if isinstance(raw, pq.ParquetFile) else raw.schema).names
        if name not in names:
            raise LabError(f"{items} has no column `{name}` (`--key`). Carry it along: `merlon transform … --keep {name}`.")
        keys = torch.from_numpy(pq.read_table(items, columns=[name])[name].to_numpy().copy())
        if run.kind == "session" or all(c.name == item.name for c in columns):
            # A look-up has nothing to say of items that training has not seen.
            seen = torch.isin(table[item.name], run.catalogue[item.name])
            table, keys = take(table, seen.nonzero().squeeze(1)), keys[seen]
    model: Any = run.model
    with torch.no_grad():
        vectors = torch.cat([model.item(slice_rows(table, i, min(i + CHUNK, rows_of(table)))) for i in range(0, rows_of(table), CHUNK)])
    width = vectors.shape[1]
    listed = pa.FixedSizeListArray.from_arrays(pa.array(vectors.flatten().numpy()), width).cast(pa.list_(pa.float32()))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: pa.array(keys.numpy()), "item_embedding": listed}), path)
    return len(vectors)


def _read_items(run: Run, items: Path, columns: tuple[Column, ...]) -> Table:
    """For a session model the table is the output of a workflow of lists: each item is a session of one."""
    if run.kind != "session":
        return open_dataset(items, columns, "items").read_all()
    name = columns[0].name
    table = open_dataset(items, (replace(columns[0], is_list=True),), "items").read_all()
    if not bool((table[f"{name}__offsets"].diff() == 1).all()):
        raise LabError(f"{items}: each row's `{name}` should be a list of one item, what a session of that item alone is transformed to.")
    return {name: table[f"{name}__values"]}
