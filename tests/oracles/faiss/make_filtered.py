"""Searches with IDSelectorBitmap and IDSelectorBatch over the files of tests/fixtures/faiss-kinds/1.15.1. Pin: faiss-cpu==1.15.1.

Run: python tests/oracles/faiss/make_filtered.py tests/fixtures
"""
import json
import pathlib
import sys

import faiss
import numpy as np

root = pathlib.Path(sys.argv[1])
kinds = root / "faiss-kinds" / "1.15.1"
told = json.loads((kinds / "answers.json").read_text())
queries = np.array(told["queries"], dtype="float32").reshape(-1, 8)
faiss.omp_set_num_threads(1)
random = np.random.RandomState(3)
# Every item, a half, a tenth, three, one, none; and 40 in a row.
masks = {"all": np.ones(300, bool), "half": random.rand(300) < 0.5, "tenth": random.rand(300) < 0.1, "run": (np.arange(300) >= 100) & (np.arange(300) < 140)}
for name, count in (("three", 3), ("one", 1), ("none", 0)):
    masks[name] = np.zeros(300, bool)
    masks[name][random.choice(300, count, replace=False)] = True

def own_ids(name):
    """Item i has this id: make_kinds.py adds ids to IVF and IDMap indexes."""
    index = faiss.read_index(str(kinds / f"{name}.faiss"))
    return 5000 + 3 * np.arange(300) if type(index) in (faiss.IndexIDMap, faiss.IndexIDMap2) or "ivf" in name else np.arange(300)

def parameters(index, selector, nprobe):
    index = faiss.downcast_index(index)
    if isinstance(index, (faiss.IndexIDMap, faiss.IndexIDMap2)):
        return parameters(index.index, selector, nprobe)
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=nprobe or index.nprobe)
    return faiss.SearchParameters(sel=selector)

answers = {"masks": {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}, "indexes": {}}
for name in ("flat", "idmap-hnsw", "ivf-flat", "ivf-pq", "ivf-pq-ip", "ivf-sq", "idmap-ivf-pq", "pq", "sq", "sqfp16", "ivf-hnsw", "l2norm-flat", "pca-flat", "opq-ivf-pq"):
    ids = own_ids(name)
    index = faiss.read_index(str(kinds / f"{name}.faiss"))
    inner = faiss.downcast_index(index.index) if hasattr(index, "index") else index
    answers["indexes"][name] = {}
    for mask, chosen in masks.items():
        wanted = ids[chosen].astype("int64")
        bits = np.zeros(int(ids.max()) // 8 + 1, "uint8")
        for i in wanted:
            bits[i >> 3] |= 1 << (i & 7)
        found = []
        for selector in (faiss.IDSelectorBatch(wanted), faiss.IDSelectorBitmap(bits)):
            if isinstance(index, faiss.IndexHNSW) or "hnsw" in name and "ivf" not in name:
                break
            if isinstance(index, faiss.IndexPQ):  # it takes no selector: all in order, and of these the selected
                distances, labels = index.search(queries, 300)
                kept = [[(d, i) for d, i in zip(*row) if i in set(wanted)][:10] for row in zip(distances, labels)]
                pad = lambda row, place, value: [pair[place] for pair in row] + [value] * (10 - len(row))
                found.append((np.array([pad(row, 0, 0) for row in kept]), np.array([pad(row, 1, -1) for row in kept])))
                continue
            if isinstance(index, faiss.IndexPreTransform):
                inside = faiss.downcast_index(index.index)
                found.append(inside.search(index.chain.at(0).apply(queries) if index.chain.size() == 1 else index.apply_chain(queries), 10, params=parameters(inside, selector, 0)))
            else:
                found.append(index.search(queries, 10, params=parameters(index, selector, 0)))
        exact = None
        if isinstance(inner, faiss.IndexIVF) or isinstance(index, faiss.IndexIVF):
            ivf = index if isinstance(index, faiss.IndexIVF) else inner
            if not isinstance(index, faiss.IndexPreTransform):
                exact = index.search(queries, 10, params=parameters(index, faiss.IDSelectorBatch(wanted), ivf.nlist))
        if "idmap-hnsw" == name:
            vectors = inner.reconstruct_n(0, 300)
            flat = faiss.IndexIDMap(faiss.IndexFlatL2(8))
            flat.add_with_ids(vectors[chosen], wanted)
            exact = flat.search(queries, 10)
        if len(found) == 2:
            assert (found[0][1] == found[1][1]).all(), (name, mask)
        listed = lambda answer: answer and {"ids": [[int(i) for i in row if i >= 0] for row in answer[1]], "distances": [[float(d) for d, i in zip(row, at) if i >= 0] for row, at in zip(*answer)]}
        answers["indexes"][name][mask] = {"selected": listed(found[0] if found else None), "exact": listed(exact)}
(root / "faiss-filtered").mkdir(exist_ok=True)
(root / "faiss-filtered" / "answers.json").write_text(json.dumps({"faiss": faiss.__version__, **answers}) + "\n")
