"""Full and sampled ranking metrics of scored chunks of users, rows or sessions."""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..metrics import hits_at, ranking_metrics, sampled_metrics, sampled_ranks

KS = (5, 10, 20, 100)
CHUNK = 512
"""Users that are ranked at once."""
SAMPLED = 100
"""Candidates of the sampled metrics, drawn with a seed of their own: the same for every model."""

Ranked = tuple[Tensor, Tensor, Tensor | None]
"""`scores` float32 `[q, items]`, `wanted` bool, `known` bool (not shown) or None."""


def measure(chunks: Iterable[Ranked]) -> dict[str, float]:
    hits, counts, places = [], [], []
    generator = torch.Generator().manual_seed(0)
    for scores, wanted, known in chunks:
        hit, count = hits_at(scores, wanted, known, max(KS))
        hits.append(hit)
        counts.append(count)
        row, own = wanted.nonzero(as_tuple=True)
        candidates = torch.randint(scores.shape[1], (len(row), SAMPLED), generator=generator)
        places.append(sampled_ranks(scores[row], own, candidates))
    return {**ranking_metrics(torch.cat(hits), torch.cat(counts), KS), **sampled_metrics(torch.cat(places), (10,))}
