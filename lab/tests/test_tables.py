"""Tables with lists, and the loader: every row once an epoch, in another order each time."""

from pathlib import Path

import pyarrow.parquet as pq
import torch
from made import make_pairs, make_sessions, with_history

from merlon_lab.loader import Loader, open_dataset
from merlon_lab.schema import read_schema
from merlon_lab.table import Table, concat, pad, rows_of, slice_rows, take

LISTS: Table = {"x": torch.tensor([1, 2, 3]), "l__values": torch.tensor([7, 8, 9, 5]), "l__offsets": torch.tensor([0, 3, 3, 4], dtype=torch.int32)}


def lists(table: Table) -> list[list[int]]:
    offsets = table["l__offsets"].tolist()
    return [table["l__values"].tolist()[a:b] for a, b in zip(offsets, offsets[1:])]


def test_lists() -> None:
    assert lists(take(LISTS, torch.tensor([2, 0, 1]))) == [[5], [7, 8, 9], []]
    assert lists(slice_rows(LISTS, 1, 3)) == [[], [5]]
    assert lists(concat([LISTS, LISTS])) == [[7, 8, 9], [], [5]] * 2
    values, mask = pad(LISTS, "l", 2)
    assert values.tolist() == [[8, 9], [0, 0], [5, 0]]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    assert rows_of(LISTS) == 3


def test_every_row_once(tmp_path: Path) -> None:
    schema = read_schema(with_history(make_pairs(tmp_path / "pairs", 1000) and tmp_path / "pairs"))
    dataset = open_dataset(tmp_path / "pairs" / "train.parquet", schema.columns)
    # Blocks of one row group: two are shuffled apart.
    loader = Loader(dataset, 64, seed=3, block_rows=1)
    epochs = [concat(list(loader)) for _ in range(2)]
    raw = pq.read_table(tmp_path / "pairs" / "train.parquet").to_pylist()
    wanted = sorted((r["user_id"], r["item_id"], *r["history"]) for r in raw)
    for epoch in epochs:
        offsets = epoch["history__offsets"].tolist()
        seen = [
            (u, i, *epoch["history__values"].tolist()[a:b]) for u, i, a, b in zip(epoch["user_id"].tolist(), epoch["item_id"].tolist(), offsets, offsets[1:])
        ]
        assert sorted(seen) == wanted
    assert not torch.equal(epochs[0]["user_id"], epochs[1]["user_id"])


def test_processes_share_a_batch(tmp_path: Path) -> None:
    schema = read_schema(make_sessions(tmp_path / "s", 100))
    dataset = open_dataset(tmp_path / "s" / "train.parquet", schema.columns)
    whole, *parts = (list(Loader(dataset, 32, seed=1, rank=rank, world=world)) for rank, world in ((0, 1), (0, 2), (1, 2)))
    assert len(whole) == len(parts[0]) == len(parts[1])
    for batch, a, b in zip(whole, *parts):
        both = concat([a, b])
        assert all(torch.equal(batch[name], both[name]) for name in batch)
