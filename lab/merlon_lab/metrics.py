"""What is measured: of a ranking of all items, and of a probability."""

import numpy as np
import torch


def recall_at(scores: torch.Tensor, wanted: torch.Tensor, known: torch.Tensor, k: int) -> float:
    """Mean over users of the part of their wanted items among the k best of the items they do not have.

    scores, wanted, known: `[users, items]`; users who want nothing are left out.
    """
    best = scores.masked_fill(known, -torch.inf).topk(k, dim=1).indices
    hits = wanted.gather(1, best).sum(1)
    some = wanted.sum(1) > 0
    return float((hits[some] / wanted.sum(1)[some]).mean())


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = labels > 0.5
    n, m = positives.sum(), (~positives).sum()
    return float((ranks[positives].sum() - n * (n + 1) / 2) / (n * m))


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    p = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return float(-np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p)))
