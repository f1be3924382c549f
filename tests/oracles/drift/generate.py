"""Compares pairs of columns with SciPy and numpy: Kolmogorov-Smirnov, and the population stability index of deciles and of frequent values.

    pip install -r tests/oracles/drift/requirements.txt
    python tests/oracles/drift/generate.py tests/fixtures/drift
"""
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import stats

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(11)
FLOOR = 1e-4


def psi(a, b):
    a, b = np.maximum(a, FLOOR), np.maximum(b, FLOOR)
    return float(np.sum((b - a) * np.log(b / a)))


def with_nulls(values, share):
    return [None if random.random() < share else value for value in values]


def numbers(a, b, nulls=(0.0, 0.0)):
    """Bins are numpy's deciles of the first set, open below and closed above, and one bin of nulls."""
    a, b = with_nulls(a.round(3).tolist(), nulls[0]), with_nulls(b.round(3).tolist(), nulls[1])
    x, y = (np.array([v for v in values if v is not None], float) for values in (a, b))
    bounds = np.unique(np.quantile(x, np.arange(1, 10) / 10))
    counts = [np.bincount(np.searchsorted(bounds, v, side="left"), minlength=len(bounds) + 1) for v in (x, y)]
    shares = [np.append(count, len(all_) - len(v)) / len(all_) for count, v, all_ in zip(counts, (x, y), (a, b))]
    return {"a": a, "b": b, "psi": psi(*shares), "ks": float(stats.ks_2samp(x, y).statistic)}


def categories(a, b, nulls=(0.0, 0.0)):
    a, b = with_nulls(a, nulls[0]), with_nulls(b, nulls[1])
    counted = [Counter(v for v in values if v is not None) for values in (a, b)]
    frequent = sorted(counted[0], key=lambda v: (-counted[0][v], v))[:20]
    rows = []
    for values, count in zip((a, b), counted):
        known = [count[v] for v in frequent]
        rows.append(np.array([*known, sum(count.values()) - sum(known), values.count(None)]) / len(values))
    added, lost = (Counter({v: n for v, n in own.items() if v not in other}) for own, other in (counted[::-1], counted))
    return {
        "a": a,
        "b": b,
        "psi": psi(*rows),
        "added": {"values": len(added), "share": sum(added.values()) / sum(counted[1].values())},
        "lost": {"values": len(lost), "share": sum(lost.values()) / sum(counted[0].values())},
    }


def zipf(n, most, by=0):
    return [f"item-{min(most, z) + by:03d}" for z in random.zipf(1.5, n)]


made = {
    "numbers": {
        "same distribution": numbers(random.normal(0, 1, 700), random.normal(0, 1, 500)),
        "shifted": numbers(random.normal(0, 1, 600), random.normal(0.4, 1, 600)),
        "wider": numbers(random.normal(5, 1, 400), random.normal(5, 3, 900)),
        "nulls in one": numbers(random.gamma(2, 3, 500), random.gamma(2, 3, 500), (0.02, 0.3)),
        "whole numbers with ties": numbers(random.poisson(2, 800), random.poisson(3, 800), (0.1, 0.1)),
        "one value": numbers(np.full(100, 7.0), np.full(300, 7.0)),
        "few rows": numbers(np.array([1.0, 2.0, 4.0]), np.array([3.0, 3.0])),
        "zeroes and a tail": numbers(
            np.where(random.random(900) < 0.7, 0, random.exponential(50, 900)),
            np.where(random.random(900) < 0.4, 0, random.exponential(50, 900)),
        ),
    },
    "categories": {
        "alike": categories(zipf(900, 60), zipf(900, 60)),
        "new and lost values": categories(zipf(900, 60), zipf(900, 60, 3), (0.05, 0.0)),
        "other values": categories(zipf(300, 30), zipf(300, 30, 500)),
    },
}
(out / "expected.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")
