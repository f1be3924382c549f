"""Grows forests that only some releases of XGBoost write, or write in their own way. Categories of 1.5 to 3.0 have NaN, which JSON lacks; vector leaves exist since 2.0 and moved with 3.1. Keeps model files, rows, and the library's own predictions. Run once in each environment:

    pip install xgboost==3.2.0 lightgbm==4.7.0       # or xgboost==2.1.4, or "xgboost==1.7.6" "numpy<2"
    python tests/oracles/forest/releases.py tests/fixtures/forest
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import xgboost as xgb

warnings.filterwarnings("ignore")
out = Path(sys.argv[1])
release = ".".join(xgb.__version__.split(".")[:2])
newest = int(release.split(".")[0]) >= 3
random = np.random.default_rng(11)
NAMES = ["age", "price", "visits", "stock", "brand"]


def rows(n):
    table = np.stack(
        [random.normal(40, 12, n), random.lognormal(3, 1, n), random.poisson(1.0, n), random.integers(0, 2, n), random.integers(0, 12, n)], axis=1
    ).astype(np.float32)
    gaps = random.random(table.shape) < 0.1
    gaps[:, 2:] = False
    table[gaps] = np.nan
    return table


train, test = rows(600), rows(60)
signal = np.nan_to_num(train[:, 0]) / 20 + train[:, 2] - train[:, 4] % 3 + random.normal(0, 0.5, len(train))
times = np.exp(signal / 3)
cases = []


def keep(name, file, predicted, **options):
    predicted = np.asarray(predicted, dtype=np.float64).reshape(len(test), -1).tolist()
    cases.append({"name": f"XGBoost {release} {name}", "file": file, **options, "predicted": predicted})


def write(file, table, kept):
    listed = [[None if np.isnan(v) else float(v) for v in row] for row in table]
    (out / file).write_text(json.dumps({"rows": listed, "cases": kept}) + "\n")


def grow(name, objective, label=None, suffix="json", matrix=lambda m: m, missing=np.nan, categorical=False, options={}, **params):
    kinds = ["q", "q", "q", "q", "c"] if categorical else None
    data = dict(feature_names=NAMES, feature_types=kinds, enable_categorical=categorical, missing=missing)
    made = matrix(xgb.DMatrix(train, label=label, **data))
    booster = xgb.train({"objective": objective, "max_depth": 3, "seed": 1, "nthread": 1, **params}, made, num_boost_round=4)
    file = f"xgboost-{release}-{name}.{suffix}"
    booster.save_model(out / file)
    keep(name, file, booster.predict(xgb.DMatrix(test, **data)), **options)


def bounded(matrix):
    matrix.set_float_info("label_lower_bound", times)
    matrix.set_float_info("label_upper_bound", np.where(signal > 2, np.inf, times))
    return matrix


grow("categories", "reg:squarederror", signal, categorical=True, max_cat_to_onehot=1)
grow("categories-ubj", "reg:squarederror", signal, suffix="ubj", categorical=True, max_cat_to_onehot=1)
grow("aft", "survival:aft", matrix=bounded, base_score=0.7)
grow("cox", "survival:cox", np.where(signal > 2, -times, times), suffix="ubj")
if release >= "2.0":
    targets = np.stack([signal, -2 * signal, signal**2], axis=1)
    grow("vectors", "reg:squarederror", targets, multi_strategy="multi_output_tree")
    grow("vectors-ubj", "reg:squarederror", targets, suffix="ubj", multi_strategy="multi_output_tree")
if newest:
    grow("missing", "reg:squarederror", signal, missing=0.0, options={"missing": 0})
    grow("softprob-vectors", "multi:softprob", np.digitize(signal, [1, 3]), num_class=3, multi_strategy="multi_output_tree")
    estimator = xgb.XGBRegressor(n_estimators=60, learning_rate=0.9, max_depth=3, early_stopping_rounds=3, n_jobs=1)
    estimator.fit(train[:400], signal[:400], eval_set=[(train[400:], signal[400:])], verbose=False)
    assert estimator.best_iteration + 1 < estimator.get_booster().num_boosted_rounds()
    keep("stopped early", f"xgboost-{release}-early.json", estimator.predict(test))
    first = estimator.predict(test, iteration_range=(0, 2))
    keep("two rounds", f"xgboost-{release}-early.json", first, iterations=2)
    estimator.get_booster().feature_names = NAMES
    estimator.save_model(out / f"xgboost-{release}-early.json")

    import lightgbm as lgb

    # A feature as large as a time, where float32 would not do for a coefficient.
    far, far_test = (np.where([True] + 4 * [False], table.astype(np.float64) * 4e7, table) for table in (train, test))

    lightgbm_cases = []

    def grow_lightgbm(name, objective, label, **options):
        shape = {"verbose": -1, "linear_tree": name.startswith("linear")}
        data = lgb.Dataset(far, label=label, feature_name=NAMES, params=shape)
        more = {"bagging_freq": 1, "bagging_fraction": 0.5, "boosting": "rf"} if name == "linear-forest" else {}
        classes = {"num_class": 3} if objective == "multiclass" else {}
        params = {"objective": objective, "num_leaves": 6, "seed": 1, "num_threads": 1, **shape, **more, **classes}
        booster = lgb.train(params, data, num_boost_round=4)
        file = f"lightgbm-{name}.txt"
        (out / file).write_text(booster.model_to_string().split("\nfeature_importances:")[0] + "\n")
        predicted = booster.predict(far_test, num_iteration=options.get("iterations"))
        lightgbm_cases.append({"name": f"LightGBM {name}", "file": file, **options, "predicted": np.asarray(predicted).reshape(len(test), -1).tolist()})

    grow_lightgbm("entropy-lambda", "cross_entropy_lambda", 1 / (1 + np.exp(-signal)))
    grow_lightgbm("own-objective", lambda seen, data: (seen - data.get_label(), np.ones_like(seen)), signal)
    grow_lightgbm("two-rounds", "regression", signal, iterations=2)
    grow_lightgbm("linear", "regression", signal)
    grow_lightgbm("linear-classes", "multiclass", np.digitize(signal, [1, 3]))
    grow_lightgbm("linear-forest", "regression", signal)
    write("cases-lightgbm.json", far_test, lightgbm_cases)

write(f"cases-{release}.json", test, cases)
print(f"{len(cases)} forests of XGBoost {xgb.__version__}")
