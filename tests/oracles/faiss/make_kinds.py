"""FAISS files of more kinds, written by two versions of FAISS, and FAISS's results from them, also with other search parameters. They are IVF and HNSW over PQ and SQ, several quantizers, with transforms and refinements around them. Pins: faiss-cpu==1.7.3 with numpy<2, and faiss-cpu==1.15.1.

Run: python tests/oracles/faiss/make_kinds.py tests/fixtures/faiss-kinds
"""
import json
import pathlib
import sys

import faiss
import numpy as np

out = pathlib.Path(sys.argv[1]) / faiss.__version__
out.mkdir(parents=True, exist_ok=True)
faiss.omp_set_num_threads(1)
random = np.random.RandomState(1)
vectors, queries = random.randn(300, 8).astype("float32"), random.randn(6, 8).astype("float32")
ids = 5000 + 3 * np.arange(300)
kinds = {
    "ivf-pq": ("IVF4,PQ2x4", 1, True), "ivf-pq-ip": ("IVF4,PQ4x4", 0, True), "pq": ("PQ4x4", 1, False), "sq": ("SQ8", 0, False), "ivf-sq": ("IVF4,SQ8", 1, True),
    "hnsw-sq": ("HNSW8,SQ8", 1, False), "hnsw-ip": ("HNSW8,Flat", 0, False), "ivf-hnsw": ("IVF6_HNSW4,Flat", 1, True), "flat": ("Flat", 1, False),
    "hnsw-pq": ("HNSW8,PQ4x4", 1, False), "sq4": ("SQ4", 1, False), "sq6": ("SQ6", 1, False), "sqfp16": ("SQfp16", 0, False),
    "l2norm-flat": ("L2norm,Flat", 0, False), "pca-flat": ("PCA4,Flat", 1, False), "pcaw-hnsw": ("PCAW4,HNSW8", 1, False), "opq-ivf-pq": ("OPQ2_4,IVF4,PQ2x4", 1, True),
    "rotated-flat": ("RR8,Flat", 0, False), "padded-flat": ("Pad16,Flat", 1, False), "transform-of-id-map": ("IDMap,PCA4,Flat", 1, True),
    "refined-pq": ("PQ4x4,RFlat", 1, False), "refined-ivf-pq": ("IVF4,PQ2x4,RFlat", 0, False), "refined-hnsw": ("HNSW8,SQ8,Refine(SQfp16)", 1, False),
    "idmap-ivf-pq": ("IDMap,IVF4,PQ2x4", 1, True), "ivf-flat": ("IVF8,Flat", 0, True), "idmap-hnsw": ("IDMap2,HNSW8,Flat", 1, True),
}
answers = {"dimension": 8, "queries": queries.ravel().astype(float).tolist(), "indexes": {}}
for name, (factory, metric, own) in kinds.items():
    try:
        index = faiss.index_factory(8, factory, metric)
    except RuntimeError:
        continue  # 1.7.3 has no such factory
    index.train(vectors)
    index.add_with_ids(vectors, ids) if own else index.add(vectors)
    faiss.write_index(index, str(out / f"{name}.faiss"))
    def ask():
        distances, labels = index.search(queries, 10)
        return {"ids": [[int(i) for i in row if i != -1] for row in labels], "distances": [[float(d) for d, i in zip(row, found) if i != -1] for row, found in zip(distances, labels)]}
    told = {"metric": ["ip", "l2"][metric], "ntotal": 300, "asked": [{"parameters": {}, **ask()}]}
    inner = index
    while type(inner) in (faiss.IndexIDMap, faiss.IndexIDMap2, faiss.IndexPreTransform, faiss.IndexRefineFlat, faiss.IndexRefine):
        inner = faiss.downcast_index(inner.base_index if hasattr(inner, "base_index") else inner.index)
    for parameter, value in (("nprobe", 3), ("efSearch", 64)):
        holder = inner.hnsw if parameter == "efSearch" and hasattr(inner, "hnsw") else inner
        if hasattr(holder, parameter):
            setattr(holder, parameter, value)
            told["asked"].append({"parameters": {parameter: value}, **ask()})
    answers["indexes"][name] = told
(out / "answers.json").write_text(json.dumps(answers, indent=None) + "\n")
