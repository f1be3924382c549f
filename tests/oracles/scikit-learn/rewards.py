"""Fits the reward model of `merlon evaluate` with scikit-learn on the same folds, and keeps its predictions.

    pip install -r tests/oracles/scikit-learn/requirements.txt
    python tests/oracles/scikit-learn/rewards.py tests/fixtures/scikit-learn

Lists have two or three of five candidates. The column `late` is of shown rows alone and `fixed` is constant, so neither is a feature.
"""
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

POSITIONS, SHRINKAGE, BUCKETS = 32, 20, 2**18
random = np.random.default_rng(5)


def lower(text):
    """The last eight bytes of the MD5 as an integer, as DuckDB's md5_number_lower."""
    return int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "little")


rows = []
for request in range(60):
    length = 2 + request % 2
    order = random.permutation(5)
    for place, item in enumerate(order):
        shown = place < length
        rows.append(
            {
                "request_id": f"q{request}",
                "request_row": 0,
                "item": f"item {item}",
                "position": place + 1 if shown else None,
                "propensity": 1 / (5 - place) if shown else None,
                "reward": round(float(random.random() * (1 + item)), 3) if shown else None,
                "next_score": round(float(random.normal()), 3),
                "price": None if random.random() < 0.1 else round(float(random.normal(20, 5)), 2),
                "age": int(random.integers(18, 80)),
                "fixed": 1,
                "late": round(float(random.random()), 3) if shown else None,
            }
        )

shown = [row for row in rows if row["position"] is not None]
features = ["next_score", "price", "age"]
scale = {}
for name in features:
    values = np.array([row[name] for row in shown if row[name] is not None], dtype=float)
    scale[name] = (np.float64(np.float32(values.mean())), np.float64(np.float32(values.std())))


def vector(row, position):
    scaled = [0.0 if row[name] is None else (row[name] - scale[name][0]) / scale[name][1] for name in features]
    return np.concatenate([scaled, np.eye(POSITIONS)[position - 1]])


def later(row):
    """The rewards of the list from the row on."""
    return sum(other["reward"] for other in shown if other["request_id"] == row["request_id"] and other["position"] >= row["position"])


fold = {row["request_id"]: lower(row["request_id"]) % 2 for row in rows}
models = []
for own in [0, 1]:
    train = [row for row in shown if fold[row["request_id"]] != own]
    x = np.array([vector(row, row["position"]) for row in train])
    y = np.array([later(row) for row in train])
    ridge = Ridge(alpha=1.0).fit(x, y)
    left = y - ridge.predict(x)
    effects = {}
    for item in {row["item"] for row in rows}:
        at = [i for i, row in enumerate(train) if lower(row["item"]) % BUCKETS == lower(item) % BUCKETS]
        effects[item] = left[at].sum() / (len(at) + SHRINKAGE)
    models.append((ridge, effects))


def predict(row, position):
    ridge, effects = models[fold[row["request_id"]]]
    return float(ridge.predict([vector(row, position)])[0] + effects[row["item"]])


logged, expected = [], []
for request in sorted(fold):
    own = [row for row in rows if row["request_id"] == request]
    for place, row in enumerate(own):
        if row["position"] is None:
            continue
        rest = own[place:]
        weights = np.exp([other["next_score"] for other in rest])
        logged.append(predict(row, row["position"]))
        expected.append(float(np.dot(weights / weights.sum(), [predict(other, row["position"]) for other in rest])))

file = Path(sys.argv[1]) / "rewards.json"
file.write_text(json.dumps({"rows": rows, "features": features, "logged": logged, "expected": expected}, separators=(",", ":")) + "\n")
print(file.name, file.stat().st_size, "bytes")
