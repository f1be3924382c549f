"""FAISS files of every supported kind, and FAISS's results from them. Pin: faiss-cpu==1.11.0 or newer (the layout did not change).

Run: python tests/oracles/faiss/make_indexes.py tests/fixtures/faiss
"""
import json
import pathlib
import sys

import faiss
import numpy as np

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
faiss.omp_set_num_threads(1)
random = np.random.RandomState(0)
vectors = random.randn(60, 4).astype("float32")
queries = random.randn(5, 4).astype("float32")
small = np.arange(1000, 1060)
big = 2**53 + 1 + 2 * np.arange(60)
kinds = {
    "flat-ip": ("Flat", 0, None), "flat-l2": ("Flat", 1, None), "ivf-ip": ("IVF4,Flat", 0, small), "ivf-l2": ("IVF4,Flat", 1, small),
    "ivf-big-ids": ("IVF4,Flat", 0, big), "id-map": ("IDMap,Flat", 0, small), "id-map2-big-ids": ("IDMap2,Flat", 1, big), "hnsw-l2": ("HNSW8", 1, None),
    "ivf-sparse": ("IVF32,Flat", 1, small), "pq-l2": ("PQ2x4", 1, None),
}
answers = {"dimension": 4, "queries": queries.ravel().astype(float).tolist(), "indexes": {}}
for name, (factory, metric, ids) in kinds.items():
    index = faiss.index_factory(4, factory, metric)
    index.train(vectors)
    count = 5 if name == "ivf-sparse" else 60
    index.add(vectors[:count]) if ids is None else index.add_with_ids(vectors[:count], ids[:count].astype("int64"))
    faiss.write_index(index, str(out / f"{name}.faiss"))
    distances, labels = index.search(queries, 8)
    answers["indexes"][name] = {"metric": ["ip", "l2"][metric], "ntotal": int(index.ntotal), "ids": [[str(i) for i in row if i != -1] for row in labels.tolist()],
                                "distances": [[float(d) for d, i in zip(row, found) if i != -1] for row, found in zip(distances, labels)]}
(out / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
