"""The other side of filtered.bench.mjs and vectors.bench.mjs: makes the indexes, and searches them with IDSelectorBitmap. Pin: faiss-cpu==1.15.1."""
import json
import os
import pathlib
import sys
import time

import faiss
import numpy as np

D, QUERIES, TOPK = 64, 100, 10
folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
flags = dict(flag.partition("=")[::2] for flag in sys.argv[3:])
# Links of a node, and nodes that are kept while the graph is built, and while it is searched.
links, construction, search = map(int, flags.get("graph", "16,40,64").split(","))
faiss.omp_set_num_threads(1)
random = np.random.RandomState(5)
centres = random.randn(200, D)
def draw(n):
    return (centres[random.randint(200, size=n)] + 0.7 * random.randn(n, D)).astype("float32")
vectors, queries = draw(count), draw(QUERIES)
if "unit" in flags:
    vectors, queries = ((x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32") for x in (vectors, queries))
    vectors.tofile(folder / "vectors.f32")
queries.tofile(folder / "queries.f32")
indexes = {}
for name, factory in (("flat", "Flat"), ("ivf", f"IVF{256 if count <= 200_000 else 1024},Flat"), ("hnsw", f"HNSW{links},Flat")):
    path = folder / f"{name}.faiss"
    if path.exists():
        indexes[name] = faiss.read_index(str(path))
        continue
    index = faiss.index_factory(D, factory, faiss.METRIC_L2)
    index.train(vectors[:50_000])
    if name == "hnsw":
        index.hnsw.efConstruction = construction
    # Several threads make another graph each time, of the same quality.
    faiss.omp_set_num_threads(os.cpu_count())
    index.add(vectors)
    faiss.omp_set_num_threads(1)
    if name == "ivf":
        index.nprobe = index.nlist // 16
    if name == "hnsw":
        index.hnsw.efSearch = search
    faiss.write_index(index, str(path))
    indexes[name] = index
print("{}", flush=True)
for line in sys.stdin:
    name, selectivity = line.split()
    first = np.arange(1, count + 1, dtype="uint32") * np.uint32(2654435761)
    second = (first ^ (first >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    hashed = second ^ (second >> np.uint32(13))
    bits = np.packbits(hashed < float(selectivity) * 2**32, bitorder="little")
    index, selector = indexes[name], faiss.IDSelectorBitmap(bits)
    parameters = {"flat": lambda: faiss.SearchParameters(sel=selector), "ivf": lambda: faiss.SearchParametersIVF(sel=selector, nprobe=index.nprobe),
                  "hnsw": lambda: faiss.SearchParametersHNSW(sel=selector, efSearch=index.hnsw.efSearch)}[name]()
    times, ids = [], []
    for row in range(QUERIES):
        began = time.perf_counter()
        _, labels = index.search(queries[row : row + 1], TOPK, params=parameters)
        times.append((time.perf_counter() - began) * 1000)
        ids.append([int(i) for i in labels[0] if i >= 0])
    print(json.dumps({"ids": ids, "ms": float(np.median(times))}), flush=True)
