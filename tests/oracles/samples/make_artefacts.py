"""Makes the small ONNX and FAISS files that tests/samples compile against.

    python tests/oracles/samples/make_artefacts.py      (onnx, faiss-cpu and numpy of tests/requirements.txt)
"""

import json
from pathlib import Path

import faiss
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

OUT = Path(__file__).parents[2] / "samples" / "artefacts"
RANDOM = np.random.default_rng(7)


def save(name, nodes, inputs, outputs, initializers, extra=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(v, k) for k, v in initializers.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), *extra], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, OUT / "models" / f"{name}.onnx")


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


save(
    "query_tower",
    [
        helper.make_node("Gather", ["city_table", "city"], ["city_vector"]),
        helper.make_node("Unsqueeze", ["age", "one"], ["age_column"]),
        helper.make_node("Mul", ["city_vector", "age_column"], ["query_embedding"]),
    ],
    [value("city", T.INT64, ["n"]), value("age", T.FLOAT, ["n"])],
    [value("query_embedding", T.FLOAT, ["n", 4])],
    {"city_table": RANDOM.normal(size=(16, 4)).astype(np.float32), "one": np.array([1], np.int64)},
)
save(
    "ranker",
    [
        helper.make_node("Gather", ["item_table", "item_id"], ["score"]),
        helper.make_node("Add", ["score", "age"], ["sum"]),
        helper.make_node("Unsqueeze", ["sum", "one"], ["purchase/binary_output"]),
    ],
    [value("item_id", T.INT64, ["n"]), value("age", T.FLOAT, ["n"])],
    [value("purchase/binary_output", T.FLOAT, ["n", 1])],
    {"item_table": RANDOM.normal(size=64).astype(np.float32), "one": np.array([1], np.int64)},
)
save(
    "image",
    [helper.make_node("Identity", ["pixels"], ["same"])],
    [value("pixels", T.FLOAT, ["n", 3, 8, 8])],
    [value("same", T.FLOAT, ["n", 3, 8, 8])],
    {},
)
# Tensors that a request cannot carry: a half float, for which JavaScript's ONNX Runtime has no tensor, and scikit-learn's sequence of maps.
save(
    "bfloat16",
    [helper.make_node("Cast", ["price"], ["half"], to=T.BFLOAT16)],
    [value("price", T.FLOAT, ["n"])],
    [value("half", T.BFLOAT16, ["n"])],
    {},
)
maps = helper.make_sequence_type_proto(helper.make_map_type_proto(T.INT64, helper.make_tensor_type_proto(T.FLOAT, [])))
save(
    "zip_map",
    [helper.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])],
    [value("scores", T.FLOAT, ["n", 2])],
    [helper.make_value_info("probabilities", maps)],
    {},
    [helper.make_opsetid("ai.onnx.ml", 3)],
)
# Its weights lie in another file, which is not there.
weights = helper.make_graph(
    [helper.make_node("Gather", ["table", "item_id"], ["score"])],
    "without_data",
    [value("item_id", T.INT64, ["n"])],
    [value("score", T.FLOAT, ["n"])],
    [numpy_helper.from_array(np.arange(64, dtype=np.float32), "table")],
)
without = helper.make_model(weights, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(without, OUT / "models" / "without_data.onnx", save_as_external_data=True, location="without_data.bin", size_threshold=0)
(OUT / "models" / "without_data.bin").unlink()
# A matrix, a constant and a rectangle of lists: score = (Σ X + Σ past) · scale.
save(
    "matrix",
    [
        helper.make_node("ReduceSum", ["X", "last"], ["features"], keepdims=0),
        helper.make_node("ReduceSum", ["past", "last"], ["items"], keepdims=0),
        helper.make_node("Cast", ["items"], ["seen"], to=T.FLOAT),
        helper.make_node("Add", ["features", "seen"], ["sum"]),
        helper.make_node("Mul", ["sum", "scale"], ["score"]),
    ],
    [value("X", T.FLOAT, ["n", 3]), value("past", T.INT64, ["n", "length"]), value("scale", T.FLOAT, [1])],
    [value("score", T.FLOAT, ["n"])],
    {"last": np.array([1], np.int64)},
)
# The tower as merlon-lab exports one of another fit, which had nine cities.
trained = onnx.load(OUT / "models" / "query_tower.onnx")
columns = [{"name": "city", "cardinality": 9, "domain": "city"}, {"name": "age", "cardinality": None, "domain": None}]
helper.set_model_props(trained, {"merlin.schema": json.dumps(columns)})
onnx.save(trained, OUT / "models" / "trained.onnx")
whole = (OUT / "models" / "ranker.onnx").read_bytes()
(OUT / "models" / "truncated.onnx").write_bytes(whole[: len(whole) // 2])

for name, dimension in (("items", 4), ("wide", 8)):
    index = faiss.IndexIDMap(faiss.IndexFlatIP(dimension))
    index.add_with_ids(RANDOM.normal(size=(40, dimension)).astype(np.float32), np.arange(10, 50, dtype=np.int64))
    faiss.write_index(index, str(OUT / "index" / f"{name}.faiss"))

# A session → its query: the last item attends to the items before by their similarity (attention without weights of its own). Padding is 0.
save(
    "session_encoder",
    [
        helper.make_node("Gather", ["items", "session"], ["keys"]),
        helper.make_node("Cast", ["session"], ["ids"], to=T.FLOAT),
        helper.make_node("Sign", ["ids"], ["known"]),
        helper.make_node("ReduceSum", ["known", "last"], ["length"], keepdims=1),
        helper.make_node("Sub", ["length", "one_f"], ["place_f"]),
        helper.make_node("Max", ["place_f", "zero_f"], ["place_max"]),
        helper.make_node("Cast", ["place_max"], ["place"], to=T.INT64),
        helper.make_node("GatherElements", ["session", "place"], ["newest"], axis=1),
        helper.make_node("Gather", ["items", "newest"], ["query"]),
        helper.make_node("Mul", ["keys", "query"], ["products"]),
        helper.make_node("ReduceSum", ["products", "two"], ["scores"], keepdims=0),
        helper.make_node("Sub", ["one_f", "known"], ["unknown"]),
        helper.make_node("Mul", ["unknown", "far"], ["penalty"]),
        helper.make_node("Sub", ["scores", "penalty"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["weights"], axis=1),
        helper.make_node("Unsqueeze", ["weights", "two"], ["weights_column"]),
        helper.make_node("Mul", ["keys", "weights_column"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "last"], ["query_embedding"], keepdims=0),
    ],
    [value("session", T.INT64, ["n", "length"])],
    [value("query_embedding", T.FLOAT, ["n", 4])],
    {
        "items": RANDOM.normal(size=(64, 4)).astype(np.float32),
        "last": np.array([1], np.int64),
        "two": np.array([2], np.int64),
        "one_f": np.array([[1]], np.float32),
        "zero_f": np.array([[0]], np.float32),
        "far": np.array([[1e4]], np.float32),
    },
)

# Indexes that do not fit the feature store: one without vectors, and one of items that the store has never had. The third
# has 40 vectors without ids, so its answers are positions.
LINES = np.sin(np.arange(160, dtype="float32")).reshape(40, 4)
faiss.write_index(faiss.IndexFlatIP(4), str(OUT / "index" / "empty.faiss"))
plain = faiss.IndexFlatIP(4)
plain.add(LINES)
faiss.write_index(plain, str(OUT / "index" / "positions.faiss"))
other = faiss.IndexIDMap(faiss.IndexFlatIP(4))
other.add_with_ids(LINES, np.arange(1000, 1040))
faiss.write_index(other, str(OUT / "index" / "other-items.faiss"))

# A table of fewer rows than the vocabulary of `etl/user` has ids.
save(
    "small_table",
    [
        helper.make_node("Cast", ["city"], ["city_row"], to=T.INT32),
        helper.make_node("Gather", ["city_table", "city_row"], ["city_vector"]),
        helper.make_node("Unsqueeze", ["age", "one"], ["age_column"]),
        helper.make_node("Mul", ["city_vector", "age_column"], ["query_embedding"]),
    ],
    [value("city", T.INT64, ["n"]), value("age", T.FLOAT, ["n"])],
    [value("query_embedding", T.FLOAT, ["n", 4])],
    {"city_table": LINES[:4], "one": np.array([1], np.int64)},
)
