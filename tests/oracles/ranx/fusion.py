"""Merges of ranked lists: numpy's arithmetic for every method of `mergeCandidates`, and ranx's for those that it has.

    python3 -m venv /tmp/ranx && /tmp/ranx/bin/pip install -r tests/oracles/ranx/requirements.txt
    /tmp/ranx/bin/python tests/oracles/ranx/fusion.py

Writes tests/fixtures/ranx/fusion.json. ranx has no weights for reciprocal ranks, no bounds, and no rule for scores that are not finite.
Its other scores are compared with numpy's here, and stored.
"""
import json
from pathlib import Path

import numpy as np
from ranx import Run, fuse

NORMS = {"minMax": "min-max", "z": "zmuv", "none": None}


def draw(rng, odd):
    """Sources of one user: ids, each once, best score first."""
    sources = []
    for _ in range(rng.integers(2, 5)):
        count = int(rng.integers(0 if odd else 1, 9))
        ids = rng.choice(14, size=count, replace=False)
        scores = np.sort(rng.choice([0.25, 0.5, 1.5, 2.0, -3.0, 7.5, 0.1], size=count) + rng.integers(0, 3, size=count) / 8)[::-1].copy()
        if odd and count and rng.random() < 0.5:
            scores[rng.integers(count)] = rng.choice([np.nan, np.inf, -np.inf])
        sources.append((ids.astype(np.int64), scores.astype(np.float32)))
    return sources


def scaled(scores, norm):
    finite = scores[np.isfinite(scores)].astype(np.float64)
    if norm == "none":
        return scores.astype(np.float64)
    if len(finite) == 0:
        return np.full(len(scores), np.nan)
    offset, divisor = (finite.min(), np.ptp(finite)) if norm == "minMax" else (finite.mean(), finite.std())
    if np.ptp(finite) == 0:
        return np.zeros(len(scores))
    return (scores.astype(np.float64) - offset) / divisor


def reference(sources, method, k=60, weights=None, normalize="minMax", topk=None, quotas=None, floors=None):
    """Ids, scores, bits and ranks in the order of the answer."""
    width = len(sources)
    weights = weights or [1.0] * width
    ranks = {}
    for s, (ids, _) in enumerate(sources):
        for rank, one in enumerate(ids.tolist(), 1):
            ranks.setdefault(one, [0] * width)[s] = rank
    turn = lambda one: min((rank, s) for s, rank in enumerate(ranks[one]) if rank)
    order = sorted(ranks, key=turn)
    if method == "roundRobin":
        fused = {one: 0.0 for one in order}
    elif method == "rrf":
        fused = {one: sum(weights[s] / (k + rank) for s, rank in enumerate(ranks[one]) if rank) for one in order}
    else:
        values = {one: [] for one in order}
        for s, (ids, scores) in enumerate(sources):
            for one, raw, value in zip(ids.tolist(), scores, scaled(scores, normalize)):
                if np.isfinite(raw):
                    values[one].append(value * (1 if method == "max" else weights[s]))
        total = max if method == "max" else sum
        fused = {one: total(found) if found else np.nan for one, found in values.items()}
    fused = {one: np.float32(score) for one, score in fused.items()}
    order = sorted(order, key=lambda one: (np.isnan(fused[one]), -fused[one] if not np.isnan(fused[one]) else 0, turn(one)))
    owner = {one: turn(one)[1] for one in order}
    places, seen = {}, [0] * width
    for one in order:
        places[one] = seen[owner[one]]
        seen[owner[one]] += 1
    kept = [one for one in order if places[one] < (quotas or {}).get(owner[one], np.inf)]
    reserved = [one for one in kept if places[one] < (floors or {}).get(owner[one], 0)]
    free = [one for one in kept if one not in reserved][: None if topk is None else topk - len(reserved)]
    ids = [one for one in kept if one in reserved or one in free]
    return {
        "ids": ids,
        "scores": [None if np.isnan(fused[one]) else float(fused[one]) for one in ids],
        "source": [sum(1 << s for s, rank in enumerate(ranks[one]) if rank) for one in ids],
        "ranks": [[ranks[one][s] for one in ids] for s in range(width)],
    }


def with_ranx(sources, method, k=60, weights=None, normalize="minMax"):
    # Distinct, falling scores: ranx sorts by score, and the place is the rank here.
    runs = [
        Run({"u": {f"d{one:02d}": float(-i if method == "rrf" else score) for i, (one, score) in enumerate(zip(ids.tolist(), scores))}})
        for ids, scores in sources
    ]
    if method == "rrf":
        fused = fuse(runs, norm=None, method="rrf", params={"k": k})
    elif method == "max":
        fused = fuse(runs, norm=NORMS[normalize], method="max")
    else:
        fused = fuse(runs, norm=NORMS[normalize], method="wsum", params={"weights": tuple(weights or [1.0] * len(runs))})
    return {int(one[1:]): float(score) for one, score in fused.run["u"].items()}


def main():
    rng = np.random.default_rng(27)
    cases = []
    for i in range(96):
        method = ["roundRobin", "rrf", "weighted", "max"][i % 4]
        odd = i >= 48
        users = [draw(rng, odd)]
        width = len(users[0])
        while len(users) < 3:
            other = draw(rng, odd)
            if len(other) == width:
                users.append(other)
        options = {}
        if method == "rrf" and rng.random() < 0.5:
            options["k"] = int(rng.integers(0, 80))
        if method in ("weighted", "max"):
            options["normalize"] = str(rng.choice(list(NORMS)))
        if method == "weighted" or (odd and method == "rrf"):
            options["weights"] = [float(w) for w in rng.choice([0.25, 0.5, 1.0, 2.0], size=width)]
        library = None
        if not odd and method != "roundRobin":
            library = [with_ranx(user, method, **options) for user in users]
            for user, scores in zip(users, library):
                whole = reference(user, method, **options)
                np.testing.assert_allclose([scores[one] for one in whole["ids"]], whole["scores"], rtol=2e-6, atol=1e-7)
        bounds = {}
        if odd:
            bounds["topk"] = int(rng.integers(2, 8))
            if rng.random() < 0.7:
                bounds["quotas"] = {int(rng.integers(width)): int(rng.integers(0, 4))}
            if rng.random() < 0.7:
                source = int(rng.integers(width))
                floor = int(rng.integers(1, bounds["topk"] + 1))
                if floor <= bounds.get("quotas", {}).get(source, np.inf):
                    bounds["floors"] = {source: floor}
        expected = [reference(user, method, **options, **bounds) for user in users]
        text = lambda x: float(x) if np.isfinite(x) else str(x)
        cases.append(
            {
                "method": method,
                **options,
                **bounds,
                "sources": [
                    {"ids": [user[s][0].tolist() for user in users], "scores": [[text(x) for x in user[s][1]] for user in users]}
                    for s in range(width)
                ],
                "expected": expected,
                **({"ranx": [[scores[one] for one in made["ids"]] for scores, made in zip(library, expected)]} if library else {}),
            }
        )
    out = Path(__file__).parents[2] / "fixtures" / "ranx" / "fusion.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "cases,", out.stat().st_size, "bytes")


main()
