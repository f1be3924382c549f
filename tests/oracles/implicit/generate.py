"""Fits small ALS and BPR models with `implicit` and keeps the files of `save` and the results of `recommend`.

    pip install -r tests/oracles/implicit/requirements.txt
    OPENBLAS_NUM_THREADS=1 python tests/oracles/implicit/generate.py tests/fixtures/implicit
"""
import json
import sys
from pathlib import Path

import implicit
import numpy as np
import scipy.sparse as sp

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
seen = sp.random(40, 60, density=0.15, format="csr", random_state=1, dtype=np.float32)
seen.data[:] = 1
models = {
    "als": implicit.als.AlternatingLeastSquares(factors=8, iterations=3, random_state=1, num_threads=1),
    "als-float64": implicit.als.AlternatingLeastSquares(
        factors=8, iterations=3, random_state=1, num_threads=1, dtype=np.float64
    ),
    "bpr": implicit.bpr.BayesianPersonalizedRanking(factors=8, iterations=20, random_state=1, num_threads=1),
}
cases = []
users = np.arange(40)
for name, model in models.items():
    model.fit(seen, show_progress=False)
    model.save(out / f"{name}.npz")
    for n, filtered, asked in [(5, False, 40), (60, False, 4), (5, True, 40)]:
        ids, scores = model.recommend(users[:asked], seen[:asked] if filtered else None, N=n, filter_already_liked_items=filtered)
        cases.append(
            {"file": f"{name}.npz", "topk": n, "filtered": filtered, "ids": ids.tolist(), "scores": scores.astype(float).tolist()}
        )
lists = [seen.indices[seen.indptr[u] : seen.indptr[u + 1]].tolist() for u in users]
(out / "cases.json").write_text(json.dumps({"seen": lists, "cases": cases}))
