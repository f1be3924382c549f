"""Grows small forests with XGBoost and LightGBM and keeps their model files, rows, and the libraries' own predictions.

    pip install -r tests/oracles/forest/requirements.txt
    python tests/oracles/forest/generate.py tests/fixtures/forest
"""
import json
import sys
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np
import xgboost as xgb

warnings.filterwarnings("ignore")
out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(7)
NAMES = ["age", "price", "visits", "stock", "brand"]


def rows(n):
    """Floats, money, counts with many zeros, bools, categories; missing values in all but the last."""
    table = np.stack(
        [
            random.normal(40, 12, n),
            random.lognormal(3, 1, n),
            random.poisson(1.0, n).astype(float),
            random.integers(0, 2, n).astype(float),
            random.integers(0, 12, n).astype(float),
        ],
        axis=1,
    ).astype(np.float32)
    gaps = random.random(table.shape) < 0.08
    gaps[:, 4] = False
    table[gaps] = np.nan
    return table


train, test = rows(1500), rows(150)
signal = np.nan_to_num(train[:, 0]) / 20 + np.nan_to_num(train[:, 2]) - (train[:, 4] % 3) + random.normal(0, 0.5, len(train))
binary = (signal > np.median(signal)).astype(int)
classes = np.digitize(signal, np.quantile(signal, [0.33, 0.66]))
counts = np.clip(np.round(np.exp(signal / 3)), 0, 20)
groups = [50] * (len(train) // 50)
cases = []


def keep(name, file, predicted):
    cases.append({"name": name, "file": file, "predicted": np.asarray(predicted, dtype=np.float64).reshape(len(test), -1).tolist()})


def grow_xgboost(name, objective, label, suffix="json", ranked=False, categorical=False, **params):
    kinds = ["q", "q", "q", "q", "c"] if categorical else None
    data = dict(feature_names=NAMES, feature_types=kinds, enable_categorical=categorical)
    matrix = xgb.DMatrix(train, label=label, **data)
    if ranked:
        matrix.set_group(groups)
    booster = xgb.train({"objective": objective, "max_depth": 4, "seed": 1, "nthread": 1, **params}, matrix, num_boost_round=params.pop("rounds", 8))
    file = f"xgboost-{name}.{suffix}"
    booster.save_model(out / file)
    keep(f"XGBoost {name}", file, booster.predict(xgb.DMatrix(test, **data)))


grow_xgboost("logistic", "binary:logistic", binary)
grow_xgboost("logistic-ubj", "binary:logistic", binary, suffix="ubj", base_score=0.3)
grow_xgboost("logitraw", "binary:logitraw", binary, base_score=0.3)
grow_xgboost("hinge", "binary:hinge", binary)
grow_xgboost("softprob", "multi:softprob", classes, num_class=3)
grow_xgboost("softmax", "multi:softmax", classes, num_class=3, suffix="ubj")
grow_xgboost("squared", "reg:squarederror", signal)
grow_xgboost("poisson", "count:poisson", counts)
grow_xgboost("tweedie", "reg:tweedie", counts)
grow_xgboost("ndcg", "rank:ndcg", np.clip(counts, 0, 4).astype(int), ranked=True)
grow_xgboost("dart", "binary:logistic", binary, booster="dart", rate_drop=0.3)
grow_xgboost("categories", "binary:logistic", binary, categorical=True, max_cat_to_onehot=1)
grow_xgboost("one-hot", "binary:logistic", binary, categorical=True, max_cat_to_onehot=50)
grow_xgboost("parallel", "reg:squarederror", signal, num_parallel_tree=3, subsample=0.5)


def grow_lightgbm(name, objective, label, group=None, categorical="auto", **params):
    data = lgb.Dataset(train, label=label, feature_name=NAMES, group=group, categorical_feature=categorical, params={"verbose": -1})
    booster = lgb.train({"objective": objective, "num_leaves": 12, "seed": 1, "verbose": -1, "num_threads": 1, **params}, data, num_boost_round=8)
    file = f"lightgbm-{name}.txt"
    # Its own parameters follow the trees, and no reader of predictions needs them.
    text = booster.model_to_string().split("\nfeature_importances:")[0]
    (out / file).write_text(text + "\n")
    keep(f"LightGBM {name}", file, booster.predict(test.astype(np.float64)))


grow_lightgbm("binary", "binary", binary)
grow_lightgbm("binary-slope", "binary", binary, sigmoid=1.7)
grow_lightgbm("multiclass", "multiclass", classes, num_class=3)
grow_lightgbm("one-against-all", "multiclassova", classes, num_class=3)
grow_lightgbm("regression", "regression", signal)
grow_lightgbm("sqrt", "regression", signal, reg_sqrt=True)
grow_lightgbm("huber", "huber", signal)
grow_lightgbm("poisson", "poisson", counts)
grow_lightgbm("lambdarank", "lambdarank", np.clip(counts, 0, 4).astype(int), group=groups)
grow_lightgbm("categories", "binary", binary, categorical=["brand"], min_data_per_group=5, cat_smooth=1)
grow_lightgbm("zero-is-missing", "binary", binary, zero_as_missing=True)
grow_lightgbm("no-missing", "binary", binary, use_missing=False)
grow_lightgbm("forest", "regression", signal, boosting="rf", bagging_freq=1, bagging_fraction=0.6)
grow_lightgbm("dart", "binary", binary, boosting="dart")


# Rows unlike the training's: categories below zero, broken and beyond the table, numbers next to zero and far out, and gaps anywhere.
# Some splits of LightGBM separate missing values from all others, with the threshold `inf`.
ODD = [0.0, -0.0, -1.0, -0.5, 0.5, 1.5, 2.7, 11.9, 33.0, 64.0, 1e6, 1e30, -1e30, 1e-36, -1e-36, 2.0**24 + 1]
common, plain_cases = test, cases
test, cases = rows(60), []
marked = random.random(test.shape) < 0.3
test[marked] = random.choice(np.float32(ODD), marked.sum())
test[random.random(test.shape) < 0.1] = np.nan
train[random.random(train.shape) < 0.15] = np.nan
test = np.concatenate([test, train[:20]])
grow_xgboost("odd-categories", "binary:logistic", binary, suffix="ubj", categorical=True, max_cat_to_onehot=1, max_depth=6)
grow_xgboost("odd-one-hot", "multi:softprob", classes, suffix="ubj", categorical=True, max_cat_to_onehot=50, num_class=3)
grow_xgboost("long-sums", "reg:squarederror", signal * 1000, suffix="ubj", rounds=120, max_depth=2)
grow_lightgbm("odd", "binary", np.isnan(train[:, 3]) | (binary == 1))
grow_lightgbm("odd-categories", "regression", signal, categorical=["brand"], min_data_per_group=5, cat_smooth=1)
grow_lightgbm("odd-zero-is-missing", "binary", binary, zero_as_missing=True)
odd, odd_cases, test, cases = test, cases, common, plain_cases


def listed(table):
    return [[None if np.isnan(v) else float(v) for v in row] for row in table]


(out / "cases.json").write_text(json.dumps({"rows": listed(test), "cases": cases}) + "\n")
(out / "odd-cases.json").write_text(json.dumps({"rows": listed(odd), "cases": odd_cases}) + "\n")
print(f"{len(cases) + len(odd_cases)} forests, {sum(f.stat().st_size for f in out.iterdir()) // 1024} KiB")
