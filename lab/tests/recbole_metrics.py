"""Makes `recbole_metrics.json`: RecBole 1.2.1's own metric classes on a random ranking. `python recbole_metrics.py`, where recbole is installed."""

import json
from pathlib import Path

import numpy as np
import torch

from merlon_lab.rival.recbole_runs import old_names

old_names()
from recbole.evaluator import metrics as recbole  # noqa: E402

rng = np.random.default_rng(7)
scores = torch.from_numpy(rng.permuted(np.tile(np.arange(60.0), (40, 1)), axis=1))
wanted = np.zeros((40, 60), dtype=int)
for row in wanted:
    row[rng.choice(60, rng.integers(1, 10), replace=False)] = 1
best = scores.topk(20, dim=1).indices.numpy()
found = np.take_along_axis(wanted, best, 1).astype(bool)
counts = wanted.sum(1)
answers = {}
for name, kind in {"recall": "Recall", "precision": "Precision", "hit": "Hit", "mrr": "MRR", "ndcg": "NDCG", "map": "MAP"}.items():
    metric = getattr(recbole, kind)({"topk": [5, 20], "metric_decimal_place": 8})
    values = metric.metric_info(found) if kind in ("Hit", "MRR", "Precision") else metric.metric_info(found, counts)
    for k in (5, 20):
        answers[f"{name}@{k}"] = float(values[:, k - 1].mean())
document = {"scores": scores.tolist(), "wanted": wanted.tolist(), "metrics": answers}
(Path(__file__).parent / "recbole_metrics.json").write_text(json.dumps(document) + "\n")
