"""Fits small models of scikit-learn, converts them with skl2onnx, and keeps rows with scikit-learn's own predictions.

    pip install -r tests/oracles/scikit-learn/requirements.txt
    python tests/oracles/scikit-learn/generate.py tests/fixtures/scikit-learn
"""
import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
import pandas as pd

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(11)
NUMBERS = ["age", "price", "visits"]


def rows(n):
    return pd.DataFrame(
        {
            "age": random.normal(40, 12, n).astype(np.float32),
            "price": random.lognormal(3, 1, n).astype(np.float32),
            "visits": random.poisson(2.0, n).astype(np.int64),
            "city": random.choice(["Ghent", "Turin", "naïve", ""], n),
        }
    )


train, test = rows(600), rows(40)
signal = train.age / 20 + train.visits - (train.city == "Turin") * 2 + random.normal(0, 0.5, len(train))
likes = (signal > np.median(signal)).astype(np.int64)
segments = np.array(["low", "middle", "high"])[np.digitize(signal, np.quantile(signal, [0.33, 0.66]))]
matrix = lambda table: table[NUMBERS].to_numpy(np.float32)
whole = lambda width: [("X", FloatTensorType([None, width]))]
columns = [("age", FloatTensorType([None, 1])), ("price", FloatTensorType([None, 1])), ("visits", Int64TensorType([None, 1])), ("city", StringTensorType([None, 1]))]
mixed = lambda: ColumnTransformer([("numbers", StandardScaler(), NUMBERS), ("city", OneHotEncoder(handle_unknown="ignore"), ["city"])])
cases = []


def keep(name, model, inputs, data, answers):
    graph = to_onnx(model, initial_types=inputs, target_opset={"": 17, "ai.onnx.ml": 3}, **({"options": {"zipmap": False}} if "probabilities" in answers else {}))
    (out / f"{name}.onnx").write_bytes(graph.SerializeToString())
    cases.append({"name": name, "answers": {key: np.asarray(value).tolist() for key, value in answers.items()}})


def classifier(name, model, inputs, data, label):
    model.fit(data(train), label)
    keep(name, model, inputs, data, {"label": model.predict(data(test)), "probabilities": model.predict_proba(data(test))})


def regressor(name, model, inputs, data):
    model.fit(data(train), signal)
    keep(name, model, inputs, data, {"variable": model.predict(data(test))})


classifier("logistic", make_pipeline(mixed(), LogisticRegression()), columns, lambda table: table, likes)
classifier("segments", make_pipeline(mixed(), LogisticRegression()), columns, lambda table: table, segments)
classifier("boosting", GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=1), whole(3), matrix, likes)
classifier("layers", make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=400, random_state=1)), whole(3), matrix, likes)
regressor("forest", RandomForestRegressor(n_estimators=6, max_depth=4, random_state=1), whole(3), matrix)
pca = make_pipeline(StandardScaler(), PCA(2)).fit(matrix(train))
keep("components", pca, whole(3), matrix, {"variable": pca.transform(matrix(test))})
# Its distances are left out: the graph multiplies out what scikit-learn subtracts, and loses digits to it.
means = KMeans(3, random_state=1, n_init=1).fit(matrix(train))
keep("clusters", means, whole(3), matrix, {"label": means.predict(matrix(test))})

(out / "cases.json").write_text(json.dumps({"rows": test.to_dict("list"), "cases": cases}, ensure_ascii=False) + "\n", encoding="utf-8")
