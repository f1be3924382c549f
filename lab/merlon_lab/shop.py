"""`python -m merlon_lab.shop`: trains the example shop's models on the tables that `npm run demo -- --lab` made, and exports them."""

import argparse
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .cli import main as merlon_lab

TOWERS = ["--epochs", "15", "--batch", "512", "--lr", "0.004", "--schedule", "cosine", "--id-dropout", "0.1", "--patience", "0"]
TOWER_OPTIONS = ["--set", "dim=16", "--set", "hidden=64", "--set", "out=32"]
RANKER = ["--epochs", "16", "--batch", "256", "--lr", "0.006", "--id-dropout", "0.2", "--weight-decay", "2", "--patience", "4"]
RANKER_OPTIONS = ["--set", "hidden=32,16", "--set", "shared=favourite_brand+item_brand"]


def join_pairs(work: Path, out: Path) -> None:
    """Pairs of customer and product with the columns of both, as often as their interest is worth; April's are what was put in a cart."""
    users, items = (pq.read_table(work / "data" / "transformed" / f"{name}.parquet") for name in ("users", "items"))
    out.mkdir(parents=True, exist_ok=True)
    for name in ("train", "valid"):
        pairs = pq.read_table(work / "data" / "tables" / f"retrieval-{name}.parquet")
        views, carts, purchases = (pairs[c].to_numpy() for c in ("views", "carts", "purchases"))
        # A purchase says more than a look.
        worth = np.rint(np.sqrt(views + 3 * carts + 3 * purchases)).astype(np.int64) if name == "train" else ((carts + purchases) > 0).astype(np.int64)
        user, item = places(users["user_key"], pairs["user_key"]), places(items["item_key"], pairs["item_key"])
        rows = np.repeat(np.arange(len(pairs)), np.where((user >= 0) & (item >= 0), worth, 0))
        left, right = users.take(user[rows]), items.take(item[rows])
        columns = {n: left[n] for n in left.column_names if n != "user_key"} | {n: right[n] for n in right.column_names if n != "item_key"}
        pq.write_table(pa.table(columns), out / f"{name}.parquet")


def places(of: pa.ChunkedArray, keys: pa.ChunkedArray) -> np.ndarray:
    """The position of each key in `of`; -1 for a missing key."""
    known, wanted = of.to_numpy(), keys.to_numpy()
    order = np.argsort(known)
    found = np.searchsorted(known[order], wanted).clip(max=len(known) - 1)
    return np.asarray(np.where(known[order][found] == wanted, order[found], -1))


def join_schemas(work: Path, out: Path) -> None:
    """One schema of both workflows, with their ids named as such."""
    import json

    features = []
    for name in ("user", "item"):
        for feature in json.loads((work / "etl" / name / ".merlin" / "schema.json").read_text())["feature"]:
            tags = set(feature["annotation"].get("tag", [])) | {name} | ({"id"} if feature["name"] == f"{name}_id" else set())
            features.append({**feature, "annotation": {**feature["annotation"], "tag": sorted(tags)}})
    (out / ".merlin").mkdir(parents=True, exist_ok=True)
    (out / ".merlin" / "schema.json").write_text(json.dumps({"feature": features}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab.shop", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="work folder of the demo: data/ and etl/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ONNX files")
    given = parser.parse_args()
    lab, transformed = given.work / "lab", given.work / "data" / "transformed"
    join_pairs(given.work, lab / "pairs")
    join_schemas(given.work, lab / "pairs")
    data = ["--schema", lab / "pairs", "--data", lab / "pairs" / "train.parquet", "--valid", lab / "pairs" / "valid.parquet"]
    run(["train", "two_tower", *data, "--out", lab / "two_tower", "--overwrite", *TOWERS, *TOWER_OPTIONS])
    run(["export", lab / "two_tower", "--out", lab / "towers"])
    data = ["--schema", given.work / "etl" / "ranking", "--data", transformed / "ranking-train.parquet", "--valid", transformed / "ranking-valid.parquet"]
    run(["train", "dlrm", *data, "--target", "purchase", "--out", lab / "dlrm", "--overwrite", *RANKER, *RANKER_OPTIONS])
    run(["export", lab / "dlrm", "--out", lab / "ranker"])
    given.out.mkdir(parents=True, exist_ok=True)
    for source, name in (("towers/query_tower", "query_tower"), ("towers/item_tower", "item_tower"), ("ranker/model", "dlrm")):
        shutil.copyfile(lab / f"{source}.onnx", given.out / f"{name}.onnx")


def run(arguments: list[str | Path]) -> None:
    merlon_lab([str(a) for a in arguments])


if __name__ == "__main__":
    main()
