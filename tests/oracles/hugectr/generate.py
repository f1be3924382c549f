"""A wide & deep & cross model in HugeCTR's file layout, as HugeCTR 23 documents it, and its ONNX converter's output for such files.

    pip install -r tests/requirements.txt
    python tests/oracles/hugectr/generate.py tests/fixtures/hugectr

HugeCTR itself trains on a GPU only, and its converter is in no package registry. Written here are

- NAME_sparse_N.model/key (int64), emb_vector (float32) and, for localized slots, slot_id (uint64): one entry per key, in any order;
- NAME_dense_N.model: the float32 parameters of the dense layers, layer after layer, of each its weight, row by row, and its bias;
- NAME.json: the graph;
- NAME.onnx and NAME-dense.onnx: its converter's nodes, tensor names, opset (10) and IR version (7), with and without the embeddings.

Expected answers are numpy's, of the files' bytes alone.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SLOTS = {"deep": [7, 5, 4], "wide": [7, 5]}
"""The number of keys of each slot of each embedding; keys of all slots and tables are numbered through."""
DIM = {"deep": 4, "wide": 1}
DENSE, HIDDEN, CROSSES = 3, 6, 2
WIDTH = len(SLOTS["deep"]) * DIM["deep"] + DENSE
rng = np.random.default_rng(8)


def first_keys() -> dict[str, list[int]]:
    starts, at = {}, 0
    for name, sizes in SLOTS.items():
        starts[name] = []
        for size in sizes:
            starts[name].append(at)
            at += size
    return starts


def write_sparse(folder: Path, name: str, localised: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    start, count = first_keys()[name][0], sum(SLOTS[name])
    keys = rng.permutation(np.arange(start, start + count)).astype("<i8")
    keys.tofile(folder / "key")
    rng.normal(size=(count, DIM[name])).astype("<f4").tofile(folder / "emb_vector")
    if localised:
        slots = np.searchsorted(first_keys()[name], keys, side="right") - 1
        slots.astype("<u8").tofile(folder / "slot_id")


def layers() -> list[tuple[str, tuple[int, ...]]]:
    """Parameters in the dense file's order."""
    crosses = [(f"multicross1_{part}{i}", (WIDTH,)) for i in range(CROSSES) for part in ("weights", "biases")]
    return [*crosses, ("fc1_weight", (WIDTH, HIDDEN)), ("fc1_bias", (HIDDEN,)), ("fc2_weight", (WIDTH + HIDDEN, 1)), ("fc2_bias", (1,))]


def read_dense(path: Path) -> dict[str, np.ndarray]:
    values, at, found = np.fromfile(path, "<f4"), 0, {}
    for name, shape in layers():
        size = int(np.prod(shape))
        found[name] = values[at : at + size].reshape(shape)
        at += size
    assert at == len(values)
    return found


def read_sparse(folder: Path, dim: int) -> dict[int, np.ndarray]:
    keys = np.fromfile(folder / "key", "<i8")
    return dict(zip(keys.tolist(), np.fromfile(folder / "emb_vector", "<f4").reshape(len(keys), dim)))


def predict(out: Path, keys: dict[str, np.ndarray], numbers: np.ndarray) -> np.ndarray:
    dense = {k: v.astype(np.float64) for k, v in read_dense(out / "wdc_dense_2000.model").items()}
    vectors = {n: read_sparse(out / f"wdc{i}_sparse_2000.model", DIM[n]) for i, n in enumerate(("wide", "deep"))}
    of = lambda name: np.stack([np.concatenate([vectors[name][k] for k in row]) for row in keys[name].tolist()]).astype(np.float64)
    x0 = x = np.concatenate([of("deep"), numbers], axis=1)
    for i in range(CROSSES):
        x = x0 * (x @ dense[f"multicross1_weights{i}"])[:, None] + x + dense[f"multicross1_biases{i}"]
    hidden = np.maximum(x0 @ dense["fc1_weight"] + dense["fc1_bias"], 0)
    deep = np.concatenate([x, hidden], axis=1) @ dense["fc2_weight"] + dense["fc2_bias"]
    return 1 / (1 + np.exp(-(deep + of("wide").sum(1, keepdims=True))))


def graph() -> dict:
    embedding = lambda name, i, kind: {
        "type": kind, "bottom": f"{name}_data", "top": f"sparse_embedding{i}",
        "sparse_embedding_hparam": {"embedding_vec_size": DIM[name], "combiner": "sum", "max_vocabulary_size_global": sum(SLOTS[name])},
    }
    sparse = [{"top": f"{n}_data", "type": "DistributedSlot", "slot_num": len(SLOTS[n]), "nnz_per_slot": [1] * len(SLOTS[n])} for n in ("wide", "deep")]
    fc = lambda n, bottom, size: {"type": "InnerProduct", "bottom": bottom, "top": n, "fc_param": {"num_output": size}}
    reshape = lambda i, width: {"type": "Reshape", "bottom": f"sparse_embedding{i}", "top": f"reshape{i}", "leading_dim": width}
    return {"layers": [
        {"type": "Data", "label": {"top": "label", "label_dim": 1}, "dense": {"top": "dense", "dense_dim": DENSE}, "sparse": sparse},
        embedding("wide", 2, "DistributedSlotSparseEmbeddingHash"), embedding("deep", 1, "LocalizedSlotSparseEmbeddingHash"),
        reshape(1, WIDTH - DENSE), reshape(2, len(SLOTS["wide"])),
        {"type": "ReduceSum", "bottom": "reshape2", "top": "reducesum1", "axis": 1},
        {"type": "Concat", "bottom": ["reshape1", "dense"], "top": "concat1"},
        {"type": "MultiCross", "bottom": "concat1", "top": "multicross1", "mc_param": {"num_layers": CROSSES}},
        fc("fc1", "concat1", HIDDEN), {"type": "ReLU", "bottom": "fc1", "top": "relu1"}, {"type": "Dropout", "bottom": "relu1", "top": "dropout1", "rate": 0.5},
        {"type": "Concat", "bottom": ["multicross1", "dropout1"], "top": "concat2"}, fc("fc2", "concat2", 1),
        {"type": "Add", "bottom": ["fc2", "reducesum1"], "top": "add1"},
        {"type": "BinaryCrossEntropyLoss", "bottom": ["add1", "label"], "top": "loss"},
    ]}  # fmt: skip


def to_onnx(out: Path, *, with_embeddings: bool) -> onnx.ModelProto:
    dense, nodes, weights = read_dense(out / "wdc_dense_2000.model"), [], []
    inputs = [helper.make_tensor_value_info("dense", TensorProto.FLOAT, [None, DENSE])]
    op = lambda kind, given, made, **attributes: nodes.append(helper.make_node(kind, given, [made], **attributes))
    keep = lambda name, values: weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name)) or name
    places = np.zeros(sum(map(sum, SLOTS.values())), dtype=np.int64)
    for number, (name, top) in enumerate((("wide", "sparse_embedding2"), ("deep", "sparse_embedding1"))):
        slots = len(SLOTS[name])
        if not with_embeddings:
            inputs.append(helper.make_tensor_value_info(top, TensorProto.FLOAT, [None, slots, DIM[name]]))
            continue
        inputs.append(helper.make_tensor_value_info(f"{name}_data", TensorProto.INT64, [None, slots, 1]))
        vectors = read_sparse(out / f"wdc{number}_sparse_2000.model", DIM[name])
        places[list(vectors)] = np.arange(len(vectors))
        keep(f"{top}_embedding_table", np.stack(list(vectors.values())))
        op("Gather", ["key_to_indice_hash_all_tables", f"{name}_data"], f"{top}_indice", axis=0)
        op("Gather", [f"{top}_embedding_table", f"{top}_indice"], f"{top}_embedding_feature", axis=0)
        op("ReduceSum", [f"{top}_embedding_feature"], top, keepdims=0, axes=[-2])
    keep("key_to_indice_hash_all_tables", places)
    for i, width in ((1, WIDTH - DENSE), (2, len(SLOTS["wide"]))):
        op("Reshape", [f"sparse_embedding{i}", keep(f"reshape{i}_shape", np.array([-1, width]))], f"reshape{i}")
    op("ReduceSum", ["reshape2"], "reducesum1", keepdims=1, axes=[1])
    op("Concat", ["reshape1", "dense"], "concat1", axis=-1)
    feed = "concat1"
    for i in range(CROSSES):
        last = i == CROSSES - 1
        op("MatMul", [feed, keep(f"multicross1_weights{i}", dense[f"multicross1_weights{i}"][:, None])], f"multicross1_matmul{i + 1}")
        op("Mul", ["concat1", f"multicross1_matmul{i + 1}"], f"multicross1_multiply{i + 1}")
        op("Add", [feed, keep(f"multicross1_biases{i}", dense[f"multicross1_biases{i}"][None])], f"multicross1_add{i + 1}")
        op("Add", [f"multicross1_multiply{i + 1}", f"multicross1_add{i + 1}"], feed := "multicross1" if last else f"multicross1_multicross{i + 1}")
    op("Gemm", ["concat1", keep("fc1_weight", dense["fc1_weight"]), keep("fc1_bias", dense["fc1_bias"][None])], "fc1")
    op("Relu", ["fc1"], "relu1")
    op("Dropout", ["relu1"], "dropout1")
    op("Concat", ["multicross1", "dropout1"], "concat2", axis=-1)
    op("Gemm", ["concat2", keep("fc2_weight", dense["fc2_weight"]), keep("fc2_bias", dense["fc2_bias"][None])], "fc2")
    op("Add", ["fc2", "reducesum1"], "add1")
    op("Sigmoid", ["add1"], "output")
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, 1])
    model = helper.make_model(helper.make_graph(nodes, "hugectr", inputs, [output], weights))
    model.opset_import[0].version, model.ir_version, model.producer_name = 10, 7, ""
    onnx.checker.check_model(model)
    return model


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_sparse(out / "wdc0_sparse_2000.model", "wide", localised=False)
    write_sparse(out / "wdc1_sparse_2000.model", "deep", localised=True)
    rng.normal(0, 0.4, sum(int(np.prod(shape)) for _, shape in layers())).astype("<f4").tofile(out / "wdc_dense_2000.model")
    (out / "wdc.json").write_text(json.dumps(graph(), indent=1) + "\n")
    onnx.save(to_onnx(out, with_embeddings=True), out / "wdc.onnx")
    onnx.save(to_onnx(out, with_embeddings=False), out / "wdc-dense.onnx")
    rows = 9
    keys = {n: np.stack([s + rng.integers(0, size, rows) for s, size in zip(first_keys()[n], SLOTS[n])], axis=1) for n in SLOTS}
    numbers = rng.normal(size=(rows, DENSE)).astype(np.float32)
    answers = predict(out, keys, numbers.astype(np.float64))
    cases = {**{n: k.tolist() for n, k in keys.items()}, "dense": numbers.tolist(), "output": answers[:, 0].tolist()}
    (out / "cases.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
