"""A user tower, a DLRM-like ranker and two FAISS files of realistic sizes, for the benchmark of the stages.

    python make_models.py OUT ITEMS     (numpy, onnx and faiss-cpu of tests/requirements.txt)
"""
import sys
from pathlib import Path

import faiss
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

out, items = Path(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
D, CITIES, CATEGORIES, BRANDS = 64, 1000, 200, 2000


def dense(name, x, wide, to, weights, nodes, act="Relu"):
    weights[f"{name}_w"] = random.normal(scale=wide**-0.5, size=(wide, to)).astype(np.float32)
    weights[f"{name}_b"] = np.zeros(to, np.float32)
    nodes.append(h.make_node("Gemm", [x, f"{name}_w", f"{name}_b"], [f"{name}_y" if act else name]))
    if act:
        nodes.append(h.make_node(act, [f"{name}_y"], [name]))
    return name


def column(x, weights, nodes):
    weights["one"] = np.array([1], np.int64)
    nodes.append(h.make_node("Unsqueeze", [x, "one"], [f"{x}_column"]))
    return f"{x}_column"


def table(x, rows, weights, nodes):
    weights[f"{x}_table"] = random.normal(scale=0.3, size=(rows, 16)).astype(np.float32)
    nodes.append(h.make_node("Gather", [f"{x}_table", x], [f"{x}_vector"]))
    return f"{x}_vector"


def save(name, nodes, inputs, outputs, weights):
    value = lambda n, t, s: h.make_tensor_value_info(n, t, s)
    graph = h.make_graph(
        nodes,
        name,
        [value(n, t, ["n"]) for n, t in inputs],
        [value(n, T.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, out / f"{name}.onnx")


w, n = {}, []
n.append(h.make_node("Concat", [table("city", CITIES + 3, w, n), column("age", w, n)], ["x"], axis=1))
dense("h2", dense("h1", "x", 17, 128, w, n), 128, 128, w, n)
dense("query_embedding", "h2", 128, D, w, n, act=None)
save("tower", n, [("city", T.INT64), ("age", T.FLOAT)], [("query_embedding", ["n", D])], w)

w, n = {}, []
numbers = [column(x, w, n) for x in ("price", "age")]
n.append(h.make_node("Concat", numbers, ["numbers"], axis=1))
bottom = dense("bottom", dense("b1", "numbers", 2, 64, w, n), 64, 16, w, n)
vectors = [table("item_id", items + 3, w, n), table("category", CATEGORIES + 3, w, n), table("brand", BRANDS + 3, w, n), table("city", CITIES + 3, w, n)]
for v in [*vectors, bottom]:
    n.append(h.make_node("Unsqueeze", [v, "one"], [f"{v}_3"]))
n.append(h.make_node("Concat", [f"{v}_3" for v in [*vectors, bottom]], ["stack"], axis=1))
n.append(h.make_node("Transpose", ["stack"], ["turned"], perm=[0, 2, 1]))
n.append(h.make_node("MatMul", ["stack", "turned"], ["dots"]))
n.append(h.make_node("Flatten", ["dots"], ["flat"]))
n.append(h.make_node("Concat", ["flat", bottom], ["top_in"], axis=1))
dense("t2", dense("t1", "top_in", 25 + 16, 128, w, n), 128, 64, w, n)
dense("logit", "t2", 64, 1, w, n, act=None)
n.append(h.make_node("Sigmoid", ["logit"], ["score"]))
save(
    "ranker",
    n,
    [("item_id", T.INT64), ("category", T.INT64), ("brand", T.INT64), ("city", T.INT64), ("price", T.FLOAT), ("age", T.FLOAT)],
    [("score", ["n", 1])],
    w,
)

v = random.normal(size=(items, D)).astype(np.float32)
v /= np.linalg.norm(v, axis=1, keepdims=True)
ids = np.arange(1, items + 1, dtype=np.int64)
flat = faiss.IndexIDMap2(faiss.IndexFlatIP(D))
flat.add_with_ids(v, ids)
faiss.write_index(flat, str(out / "flat.faiss"))
plain = faiss.IndexFlatIP(D)
plain.add(v)
faiss.write_index(plain, str(out / "plain.faiss"))
lists = int(4 * items**0.5)
ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(D), D, lists, faiss.METRIC_INNER_PRODUCT)
ivf.cp.niter = 4
ivf.train(v[: lists * 40])
ivf.add_with_ids(v, ids)
ivf.nprobe = 16
faiss.write_index(ivf, str(out / "ivf.faiss"))
