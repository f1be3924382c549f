"""10,000 queries per kind of index: the files, the queries and faiss-cpu's results, as raw arrays in a folder; read by tests/bench/faiss-equal.mjs. Pin: any faiss-cpu from 1.7.3 on.

Run: python tests/oracles/faiss/answer_many.py FOLDER [QUERIES]
"""
import json
import pathlib
import sys

import faiss
import numpy as np

out, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
out.mkdir(parents=True, exist_ok=True)
random = np.random.RandomState(7)
centres = random.randn(40, 32)
def draw(n):
    return (centres[random.randint(40, size=n)] + 0.6 * random.randn(n, 32)).astype("float32")
vectors, queries = draw(5000), draw(count)
ids = (10**6 + 7 * np.arange(5000)).astype("int64")
queries.tofile(out / "queries.f32")
kinds = {
    "flat-ip": ("Flat", 0, False), "flat-l2": ("Flat", 1, False), "idmap-flat": ("IDMap,Flat", 0, True), "ivf-flat": ("IVF32,Flat", 0, True),
    "ivf-flat-l2": ("IVF32,Flat", 1, True), "ivf-pq": ("IVF32,PQ8x6", 1, True), "ivf-sq": ("IVF32,SQ8", 1, True), "hnsw": ("HNSW16,Flat", 1, False),
    "hnsw-ip": ("HNSW16,Flat", 0, False), "pq": ("PQ8np", 1, False), "sq": ("SQ8", 0, False), "idmap2-hnsw": ("IDMap2,HNSW16,Flat", 1, True),
    "hnsw-sq": ("HNSW16,SQ8", 1, False), "hnsw-pq": ("HNSW16,PQ8x6", 1, False), "ivf-pq-ip": ("IVF32,PQ8x6", 0, True), "ivf-hnsw": ("IVF32_HNSW8,Flat", 1, True),
    "sq4": ("SQ4", 1, False), "sq6": ("SQ6", 0, False), "sqfp16": ("SQfp16", 1, False), "ivf-sqfp16": ("IVF32,SQfp16", 0, True),
    "cosine": ("L2norm,Flat", 0, False), "cosine-ivf": ("L2norm,IVF32,Flat", 0, True), "pca-flat": ("PCA16,Flat", 1, False), "pca-hnsw": ("PCA16,HNSW16,Flat", 1, False),
    "opq-ivf-pq": ("OPQ8_32,IVF32,PQ8x6", 1, True), "idmap-ivf": ("IDMap,IVF32,Flat", 0, True),
    "refined-ivf-pq": ("IVF32,PQ8x6,RFlat", 1, False), "refined-hnsw": ("HNSW16,SQ8,RFlat", 1, False), "refined-sq": ("IVF32,PQ8x6,Refine(SQfp16)", 0, False),
}
def inside(index):
    """The index that does the searching, whatever is around it."""
    while type(index) in (faiss.IndexIDMap, faiss.IndexIDMap2, faiss.IndexPreTransform, faiss.IndexRefineFlat, faiss.IndexRefine):
        index = faiss.downcast_index(index.base_index if hasattr(index, "base_index") else index.index)
    return index

told = {}
for name, (factory, metric, own) in kinds.items():
    try:
        index = faiss.index_factory(32, factory, metric)
    except RuntimeError:
        continue  # 1.7 has no such factory
    index.train(vectors)
    index.add_with_ids(vectors, ids) if own else index.add(vectors)
    if "IVF" in factory:
        inside(index).nprobe = 4
    faiss.write_index(index, str(out / f"{name}.faiss"))
    distances, labels = index.search(queries, 20)
    distances.astype("float32").tofile(out / f"{name}.distances.f32")
    labels.astype("int64").tofile(out / f"{name}.ids.i64")
    told[name] = {"factory": factory, "metric": ["ip", "l2"][metric], "parameters": {"nprobe": 4} if "IVF" in factory else {}}
(out / "kinds.json").write_text(json.dumps({"faiss": faiss.__version__, "count": count, "dimension": 32, "k": 20, "kinds": told}))
