"""Small data sets with something to learn in them, and their schemas as `merlon fit` writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

USERS, ITEMS, TASTES = 60, 90, 6


def feature(name: str, *, cardinality: int | None = None, tags: tuple[str, ...] = (), is_list: bool = False, kind: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "type": kind or ("FLOAT" if cardinality is None else "INT"),
        "annotation": {
            "tag": [*(["categorical"] if cardinality else []), *tags],
            "extraMetadata": [{"dtype_item_size": 64 if cardinality else 32, "is_list": is_list, "is_ragged": is_list}],
        },
    }
    if cardinality:
        made["intDomain"] = {"name": name, "max": str(cardinality - 1), "isCategorical": True}
    return made


def write_schema(folder: Path, features: list[dict[str, Any]]) -> Path:
    (folder / ".merlin").mkdir(parents=True, exist_ok=True)
    (folder / ".merlin" / "schema.json").write_text(json.dumps({"feature": features}))
    return folder


def taste(ids: np.ndarray) -> np.ndarray:
    return ids % TASTES


def make_pairs(folder: Path, rows: int = 3000, seed: int = 0) -> Path:
    """Users like items of their taste. Files `train.parquet`, `valid.parquet`; targets `click` and `purchase`, features of both sides, a history."""
    rng = np.random.default_rng(seed)
    users = rng.integers(3, USERS, rows)
    liked = rng.random(rows) < 0.6
    items = rng.integers(3, ITEMS - TASTES, rows)
    items = np.where(liked, items - taste(items) + taste(users), items).clip(3, ITEMS - 1)
    price = rng.normal(size=rows).astype(np.float32)
    same = taste(users) == taste(items)
    click = (rng.random(rows) < np.where(same, 0.8, 0.2)).astype(np.int8)
    purchase = (rng.random(rows) < 1 / (1 + np.exp(1 + 1.5 * price - 2 * same))).astype(np.int8)
    history = [rng.integers(0, ITEMS // TASTES, rng.integers(0, 6)) * TASTES + taste(user) for user in users]
    history = [np.clip(h, 3, ITEMS - 1) for h in history]
    table = pa.table(
        {
            "user_id": users,
            "country": taste(users) + 1,
            "item_id": items,
            "brand": taste(items) + 1,
            "price": price,
            "history": pa.array(history, type=pa.list_(pa.int64())),
            "click": click,
            "purchase": purchase,
            "stars": (3 + 1.5 * same - price).astype(np.float32),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    cut = rows * 4 // 5
    pq.write_table(table.slice(0, cut), folder / "train.parquet", row_group_size=700)
    pq.write_table(table.slice(cut), folder / "valid.parquet")
    return write_schema(
        folder,
        [
            feature("user_id", cardinality=USERS, tags=("user", "id")),
            feature("country", cardinality=TASTES + 1, tags=("user",)),
            feature("item_id", cardinality=ITEMS, tags=("item", "id")),
            feature("brand", cardinality=TASTES + 1, tags=("item",)),
            feature("price", tags=("item", "continuous")),
        ],
    )


def with_history(folder: Path) -> Path:
    """The same with a list of earlier items, whose domain is the item's."""
    document = json.loads((folder / ".merlin" / "schema.json").read_text())
    listed = feature("history", cardinality=ITEMS, tags=("item", "id", "sequence"), is_list=True)
    listed["intDomain"]["name"] = "item_id"
    return write_schema(folder / "history", [*document["feature"], listed])


def make_sessions(folder: Path, rows: int = 800, seed: int = 0) -> Path:
    """Sessions of consecutive items in steps of three, with a category per item and a price."""
    rng = np.random.default_rng(seed)
    sessions = []
    for _ in range(rows):
        start, length = rng.integers(3, ITEMS), rng.integers(2, 12)
        steps = np.where(rng.random(length) < 0.85, 3, rng.integers(1, ITEMS, length))
        sessions.append(3 + (start + np.cumsum(steps)) % (ITEMS - 3))
    lists = lambda make, kind: pa.array([make(s) for s in sessions], type=pa.list_(kind))  # noqa: E731
    table = pa.table(
        {
            "item_id": lists(lambda s: s, pa.int64()),
            "category": lists(lambda s: taste(s) + 1, pa.int64()),
            "age": lists(lambda s: np.linspace(0, 1, len(s)).astype(np.float32), pa.float32()),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    cut = rows * 4 // 5
    pq.write_table(table.slice(0, cut), folder / "train.parquet", row_group_size=200)
    pq.write_table(table.slice(cut), folder / "valid.parquet")
    return write_schema(
        folder,
        [
            feature("item_id", cardinality=ITEMS, tags=("item", "id", "sequence"), is_list=True),
            feature("category", cardinality=TASTES + 1, tags=("sequence",), is_list=True),
            feature("age", tags=("sequence", "continuous"), is_list=True),
        ],
    )
