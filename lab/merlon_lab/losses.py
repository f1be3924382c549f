"""Losses of probabilities: logits and labels `[n]`. Losses of rankings: a row's own item `[b]` against others `[b, n]`. If `valid` is false, the other does not count."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

RankingLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(positive `[b]`, negative `[b, n]`, valid bool `[b, n]`) → one number."""


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum() / valid.sum().clamp(min=1)


def bpr(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """Bayesian personalised ranking: -ln σ(p - n) (Rendle et al., 2009)."""
    return _mean(-functional.logsigmoid(positive.unsqueeze(1) - negative), valid)


def top1(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """σ(n - p) + σ(n²): below the positive, and near zero (Hidasi et al., 2016)."""
    return _mean(torch.sigmoid(negative - positive.unsqueeze(1)) + torch.sigmoid(negative**2), valid)


def logistic(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy of positives as 1 and of negatives as 0, each with half the weight."""
    return (functional.softplus(-positive).mean() + _mean(functional.softplus(negative), valid)) / 2


def hinge(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """max(0, 1 - (p - n))."""
    return _mean(functional.relu(1 - positive.unsqueeze(1) + negative), valid)


def adaptive_hinge(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """The hinge against the highest of the negatives (Weston et al., 2011)."""
    hardest = negative.masked_fill(~valid, -torch.inf).max(1).values
    some = valid.any(1)
    return _mean(functional.relu(1 - positive + torch.where(some, hardest, positive)), some)


def softmax(positive: Tensor, negative: Tensor, valid: Tensor) -> Tensor:
    """Categorical cross-entropy of the positive among itself and the negatives. Scores are already corrected by -ln q (Yi et al., 2019)."""
    logits = torch.cat([positive.unsqueeze(1), negative.masked_fill(~valid, -1e9)], dim=1)
    return (torch.logsumexp(logits, 1) - positive).mean()


RANKING_LOSSES: dict[str, RankingLoss] = {
    "bpr": bpr,
    "top1": top1,
    "logistic": logistic,
    "hinge": hinge,
    "adaptive_hinge": adaptive_hinge,
    "softmax": softmax,
}

PointLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(logits, labels, weights or None), all `[n]` float32 → one number: the mean over rows of weight · loss."""


def weighted(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over rows `[n]`. Weights have a mean of 1 over the training data, so that they are not divided out again here."""
    return (losses if weights is None else losses * weights).mean()


def binary_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, labels, weights)


def point_hinge(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """max(0, 1 - y·logit) with y of -1 or 1."""
    return weighted(functional.relu(1 - (2 * labels - 1) * logits), weights)


def squared_error(predictions: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    return weighted(functional.mse_loss(predictions, labels, reduction="none"), weights)


POINT_LOSSES: dict[str, PointLoss] = {"binary_cross_entropy": binary_cross_entropy, "hinge": point_hinge, "squared_error": squared_error}
