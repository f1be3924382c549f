"""Tables of candidates by pandas: popular and trending items by country, items bought together.

    .cache/test-venv/bin/python tests/oracles/candidates/make.py

Writes tests/fixtures/candidates/: events.jsonl and expected.json. Environment: tests/requirements.txt.
"""
import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path(__file__).parents[2] / "fixtures" / "candidates"
DAY = 86400


def events():
    rng = np.random.default_rng(7)
    count = 600
    items = rng.zipf(1.4, size=count) % 23
    rows = pd.DataFrame(
        {
            "user": rng.integers(1, 60, size=count),
            "item": items,
            "sku": [f"s{i}" for i in items],
            "country": rng.choice(["be", "nl", "ö"], size=count, p=[0.6, 0.3, 0.1]),
            "time": rng.integers(0, 50 * DAY, size=count),
        }
    )
    return rows


def best(scores, min_support, topk):
    """Rows of key, item, score and support → lists by key, best first, equal ones by item."""
    kept = scores[scores.support >= min_support].copy()
    kept["score"] = kept.score.astype(np.float32)
    kept = kept.sort_values(["key", "score", "item"], ascending=[True, False, True])
    lists = {}
    for key, rows in kept.groupby("key", sort=True):
        top = rows.head(topk)
        lists[str(key)] = [[int(i) if not isinstance(i, str) else i for i in top.item], [float(s) for s in top.score]]
    return lists


def popular(rows, by, window=None, half_life=None, item="item"):
    age = rows.time.max() - rows.time
    rows = rows.assign(weight=1.0 if half_life is None else 0.5 ** (age / half_life), age=age)
    rows = rows[rows.age < window] if window else rows
    key = rows[by] if by else pd.Series(0, index=rows.index)
    grouped = rows.assign(key=key, item=rows[item]).groupby(["key", "item"]).weight.agg(["sum", "count"]).reset_index()
    return grouped.rename(columns={"sum": "score", "count": "support"})


def trending(rows, by, recent, baseline, smoothing):
    age = rows.time.max() - rows.time
    rows = rows.assign(key=rows[by], now=age < recent, before=(age >= recent) & (age < recent + baseline))
    grouped = rows.groupby(["key", "item"])[["now", "before"]].sum().reset_index()
    grouped["support"] = grouped.now
    grouped["score"] = (grouped.now + smoothing) / (grouped.before * (recent / baseline) + smoothing)
    return grouped[grouped.support > 0]


def together(rows, measure, half_life=None):
    age = rows.time.max() - rows.time
    latest = rows.assign(age=age).groupby(["user", "item"]).age.min().reset_index()
    weight = lambda age: 1.0 if half_life is None else 0.5 ** (age / half_life)
    alone, pairs, support = {}, {}, {}
    for _, basket in latest.groupby("user"):
        ages = dict(zip(basket.item, basket.age))
        for one, own in ages.items():
            alone[one] = alone.get(one, 0) + weight(own)
        for a, b in permutations(ages, 2):
            pairs[a, b] = pairs.get((a, b), 0) + weight(max(ages[a], ages[b]))
            support[a, b] = support.get((a, b), 0) + 1
    groups = latest.user.nunique()
    score = {
        "count": lambda n, a, b: n,
        "cosine": lambda n, a, b: n / np.sqrt(a * b),
        "jaccard": lambda n, a, b: n / (a + b - n),
        "lift": lambda n, a, b: n * groups / (a * b),
    }[measure]
    return pd.DataFrame(
        [(a, b, score(n, alone[a], alone[b]), support[a, b]) for (a, b), n in pairs.items()],
        columns=["key", "item", "score", "support"],
    )


def main():
    rows = events()
    OUT.mkdir(exist_ok=True)
    rows.to_json(OUT / "events.jsonl", orient="records", lines=True, force_ascii=False)
    bounds = {"minSupport": 3, "topk": 5}
    made = {
        "popular": [
            ({"by": "country"}, popular(rows, "country")),
            ({}, popular(rows, None)),
            ({"by": "country", "time": "time", "window": 20 * DAY, "halfLife": 5 * DAY}, popular(rows, "country", 20 * DAY, 5 * DAY)),
            ({"by": "user", "item": "sku", "time": "time", "halfLife": 5 * DAY}, popular(rows, "user", None, 5 * DAY, "sku")),
        ],
        "trending": [
            ({"by": "country", "time": "time", "window": 7 * DAY, "baseline": 21 * DAY, "smoothing": 2}, trending(rows, "country", 7 * DAY, 21 * DAY, 2)),
        ],
        "cooccurrence": [
            ({"group": "user", "time": "time", "measure": m, **({"halfLife": 9 * DAY} if h else {})}, together(rows, m, 9 * DAY if h else None))
            for m in ("cosine", "jaccard", "lift", "count")
            for h in (False, True)
        ],
    }
    cases = [
        {"kind": kind, "options": {"item": "item", **options, **bounds}, "lists": best(scores, **{"min_support": 3, "topk": 5})}
        for kind, all_of in made.items()
        for options, scores in all_of
    ]
    (OUT / "expected.json").write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":"), ensure_ascii=False) for case in cases) + "\n]\n")
    print(len(cases), "cases")


main()
