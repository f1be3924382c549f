"""Grows the small forest on the columns of etl/events that tests/samples/merlin-workflow-forest compiles against.

    python tests/oracles/samples/make_forest.py      (xgboost of tests/oracles/forest/requirements.txt)
"""

from pathlib import Path

import numpy as np
import xgboost

OUT = Path(__file__).parents[2] / "samples" / "artefacts" / "models" / "events_forest.json"
random = np.random.default_rng(3)
features = ["user_id", "item_id", "city", "price"]
rows = np.column_stack([random.integers(0, 6, 400), random.integers(0, 7, 400), random.integers(0, 6, 400), random.normal(size=400)])
bought = (rows[:, 1] > 3) ^ (rows[:, 3] > 0.3)
data = xgboost.DMatrix(rows.astype(np.float32), label=bought.astype(np.float32), feature_names=features)
xgboost.train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.5, "nthread": 1, "seed": 0}, data, 6).save_model(OUT)
