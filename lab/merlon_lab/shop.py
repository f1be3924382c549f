"""The example shop: trains the towers and the ranker from the transformed tables, measures them on April, exports them."""

from pathlib import Path

import numpy as np
import torch

from .baselines import train_logistic_regression
from .dlrm import DLRM, Probability, train_dlrm
from .export import export_onnx
from .metrics import auc, log_loss, recall_at
from .schema import read_schema
from .tables import positions, read_table
from .towers import Tower, train_towers

DIM = 32


def train_retrieval(work: Path, out: Path) -> None:
    users, items = (read_table(work / "data" / "transformed" / f"{name}.parquet") for name in ("users", "items"))
    train, april = (read_table(work / "data" / "tables" / f"retrieval-{name}.parquet") for name in ("train", "valid"))
    pairs = torch.stack([positions(train["user_key"], users["user_key"]), positions(train["item_key"], items["item_key"])], dim=1)
    # A purchase says more than a look.
    weights = (train["views"] + 3 * train["carts"] + 3 * train["purchases"]).float().sqrt()
    query, item = (Tower(read_schema(work / "etl" / name), DIM) for name in ("user", "item"))
    train_towers(query, item, users, items, pairs, weights, epochs=15, batch=512, temperature=0.1, lr=4e-3)

    shape = (len(users["user_key"]), len(items["item_key"]))
    known, wanted = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    bought = pairs[train["purchases"] > 0]
    known[bought[:, 0], bought[:, 1]] = True
    later = torch.stack([positions(april["user_key"], users["user_key"]), positions(april["item_key"], items["item_key"])], dim=1)
    later = later[((april["carts"] + april["purchases"]) > 0) & (later >= 0).all(1)]
    wanted[later[:, 0], later[:, 1]] = True
    wanted &= ~known
    with torch.no_grad():
        scores = query(users) @ item(items).T
    popularity = items["item_popularity"].expand(shape)
    print(f"retrieval, products put in April's carts, {int((wanted.sum(1) > 0).sum())} customers")
    for k in (10, 100):
        print(f"  recall@{k:<3}  towers {recall_at(scores, wanted, known, k):.3f}   popularity {recall_at(popularity, wanted, known, k):.3f}")
    report(out / "query_tower.onnx", export_onnx(query, "query_embedding", users, out / "query_tower.onnx"))
    report(out / "item_tower.onnx", export_onnx(item, "item_embedding", items, out / "item_tower.onnx"))


def train_ranking(work: Path, out: Path) -> None:
    train, april = (read_table(work / "data" / "transformed" / f"ranking-{name}.parquet") for name in ("train", "valid"))
    columns = read_schema(work / "etl" / "ranking")
    target, labels = train["purchase"].float(), april["purchase"].numpy().astype(np.float64)
    model = DLRM(columns, hidden=32, dropout=0.5, shared=[["favourite_brand", "item_brand"]])
    train_dlrm(model, train, target, epochs=16, batch=256, lr=6e-3, weight_decay=4.0)
    regression = train_logistic_regression(columns, train, target)
    with torch.no_grad():
        answers = {"dlrm": torch.sigmoid(model(april)), "logistic regression": torch.sigmoid(regression(april))}
    print(f"ranking, {len(labels)} products in April's carts, {labels.mean():.1%} bought")
    for name, p in answers.items():
        print(f"  {name:<20} AUC {auc(p.numpy(), labels):.3f}   log loss {log_loss(p.numpy().astype(np.float64), labels):.3f}")
    print(f"  {'popularity':<20} AUC {auc(april['item_popularity'].numpy(), labels):.3f}")
    report(out / "dlrm.onnx", export_onnx(Probability(model), "purchase/binary_output", april, out / "dlrm.onnx"))


def report(path: Path, difference: float) -> None:
    print(f"  {path}: {path.stat().st_size / 1024:.0f} KiB, differs from PyTorch by at most {difference:.1e}")
