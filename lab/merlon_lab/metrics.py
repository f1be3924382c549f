"""Metrics of a ranking of items, and of a probability. All on torch or numpy arrays, no model in sight."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

NDArray = np.ndarray


def hits_at(scores: Tensor, wanted: Tensor, known: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    """Which of the k best items are relevant, best first: bool `[users, k]`; and the number of relevant items of each user: int64 `[users]`.

    `scores` is float `[users, items]`, `wanted` is bool `[users, items]` and marks relevant items. `known` is bool, items that may not be shown.
    Users without relevant items are left out.
    """
    some = wanted.any(1)
    scores, wanted = scores[some], wanted[some]
    if known is not None:
        scores = scores.masked_fill(known[some], -torch.inf)
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return wanted.gather(1, best), wanted.sum(1)


def ranking_metrics(hits: Tensor, wanted: Tensor, ks: Sequence[int]) -> dict[str, float]:
    """Means over users, from the result of `hits_at` for the largest k.

    - recall: found of relevant
    - precision: found of k
    - hit: any
    - mrr: 1 / rank of the first
    - ndcg: binary gains, ideal cut at k
    - map: mean of the precision at each find, over min(relevant, k)
    """
    metrics: dict[str, float] = {}
    if len(hits) == 0:
        raise ValueError("no user wants anything: nothing can be measured")
    found = hits.double()
    width = hits.shape[1]
    places = torch.arange(1, width + 1, dtype=torch.float64)
    gains = 1 / torch.log2(places + 1)
    ideal = torch.cat([torch.zeros(1, dtype=torch.float64), gains.cumsum(0)])
    precision = found.cumsum(1) / places
    for k in ks:
        top, best = found[:, :k], wanted.clamp(max=min(k, width))
        total = top.sum(1)
        first = torch.where(total > 0, 1 / (top.argmax(1) + 1).double(), torch.zeros_like(total))
        values = {
            "recall": total / wanted,
            "precision": total / k,
            "hit": (total > 0).double(),
            "mrr": first,
            "ndcg": (top * gains[:k]).sum(1) / ideal[best],
            "map": (top * precision[:, :k]).sum(1) / best,
        }
        metrics.update({f"{name}@{k}": float(value.mean()) for name, value in values.items()})
    return metrics


def recall_at(scores: Tensor, wanted: Tensor, known: Tensor | None, k: int) -> float:
    """Mean over users of the share of their relevant items among the k best of their unknown items."""
    hits, count = hits_at(scores, wanted, known, k)
    return float((hits.sum(1) / count).mean())


def sampled_ranks(scores: Tensor, own: Tensor, candidates: Tensor) -> Tensor:
    """Place (from 0) of each row's own item among itself and its sampled candidates; ties count half.

    scores float `[rows, items]`, own int64 `[rows]`, candidates int64 `[rows, n]`.
    """
    mine = scores.gather(1, own.unsqueeze(1))
    others = scores.gather(1, candidates)
    different = candidates != own.unsqueeze(1)
    return (((others > mine) & different).double() + 0.5 * ((others == mine) & different).double()).sum(1)


def sampled_metrics(places: Tensor, ks: Sequence[int]) -> dict[str, float]:
    """Means of hit, ndcg and mrr of one relevant item per row, from its rank among sampled candidates."""
    metrics: dict[str, float] = {}
    for k in ks:
        inside = (places < k).double()
        metrics[f"sampled_hit@{k}"] = float(inside.mean())
        metrics[f"sampled_ndcg@{k}"] = float((inside / torch.log2(places + 2)).mean())
        metrics[f"sampled_mrr@{k}"] = float((inside / (places + 1)).mean())
    return metrics


def auc(scores: NDArray, labels: NDArray, weights: NDArray | None = None) -> float:
    """Area under the ROC curve; ties count half. With weights `[n]`, a pair of rows counts the product of theirs. NaN where only one class is there."""
    if weights is not None:
        return _weighted_auc(scores, labels > 0.5, weights.astype(np.float64))
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = labels > 0.5
    n, m = positives.sum(), (~positives).sum()
    if n == 0 or m == 0:
        return float("nan")
    return float((ranks[positives].sum() - n * (n + 1) / 2) / (n * m))


def _weighted_auc(scores: NDArray, positives: NDArray, weights: NDArray) -> float:
    values, inverse = np.unique(scores, return_inverse=True)
    above = np.bincount(inverse, weights * positives, len(values))
    below = np.bincount(inverse, weights * ~positives, len(values))
    pairs = above.sum() * below.sum()
    return float("nan") if pairs == 0 else float((above * (np.cumsum(below) - below / 2)).sum() / pairs)


def log_loss(probabilities: NDArray, labels: NDArray, weights: NDArray | None = None) -> float:
    """Mean binary cross-entropy, in nats; with weights `[n]` a weighted mean."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.average(labels * np.log(p) + (1 - labels) * np.log(1 - p), weights=weights))


def rmse(predictions: NDArray, labels: NDArray, weights: NDArray | None = None) -> float:
    return float(np.sqrt(np.average((predictions.astype(np.float64) - labels) ** 2, weights=weights)))
