"""Smaller forms of an ONNX file: weights in int8, or numbers in half precision; inputs and outputs stay as they are."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper


def quantize(source: Path, target: Path) -> None:
    """int8 weights of linear layers and embedding tables, a scale for each output channel or row; activations stay float32.

    Activations in int8 would share a scale in a batch: one large number would round those of all other rows to zero.
    """
    model = onnx.load(source)
    graph = model.graph
    axes = _axes(graph)
    tables = {node.input[0] for node in graph.node if _is_table(node)}
    weights = [w for w in graph.initializer if w.data_type == TensorProto.FLOAT and len(w.dims) == 2 and w.name in axes]
    looked_up = {w.name for w in weights} & tables
    nodes = [made for node in graph.node for made in (_look_up(node) if _is_table(node) and node.input[0] in looked_up else [node])]
    read = _reads(nodes)
    products = [node for w in weights if read[w.name] for node in _product(w.name, _int8(w.name), _scale(w.name), w.name)]
    small = [part for w in weights for part in _round(w, axes[w.name])]
    rounded = {w.name for w in weights}
    kept = [w for w in graph.initializer if w.name not in rounded]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *small])
    # Products of constants: ONNX Runtime computes them once, as it loads the model.
    graph.node.extend([*products, *nodes])
    onnx.save(model, target)


def _int8(name: str) -> str:
    return f"{name}.int8"


def _scale(name: str) -> str:
    return f"{name}.scale"


def _is_table(node: NodeProto) -> bool:
    return node.op_type == "Gather" and all(a.i == 0 for a in node.attribute if a.name == "axis")


def _axes(graph: GraphProto) -> dict[str, int]:
    """Weight → the axis that has a scale for each entry: a table's rows, a linear layer's outputs."""
    found: dict[str, int] = {}
    for node in graph.node:
        if node.op_type == "MatMul":
            found.setdefault(node.input[1], 1)
        if node.op_type == "Gemm":
            found.setdefault(node.input[1], 1 - next((a.i for a in node.attribute if a.name == "transB"), 0))
    return found | {node.input[0]: 0 for node in graph.node if _is_table(node)}


def _reads(nodes: list[NodeProto]) -> Counter[str]:
    """How many nodes read each name, those of inner graphs too."""
    inner = [attribute.g for node in nodes for attribute in node.attribute if attribute.HasField("g")]
    return sum((_reads(list(graph.node)) for graph in inner), Counter(name for node in nodes for name in node.input))


def _round(weight: TensorProto, axis: int) -> list[TensorProto]:
    values = numpy_helper.to_array(weight)
    scale = np.abs(values).max(axis=1 - axis, keepdims=True, initial=0) / np.float32(127)
    scale[scale == 0] = 1
    return [
        numpy_helper.from_array(np.rint(values / scale).astype(np.int8), _int8(weight.name)),
        numpy_helper.from_array(scale.astype(np.float32), _scale(weight.name)),
    ]


def _product(prefix: str, whole: str, scale: str, out: str) -> Iterator[NodeProto]:
    yield helper.make_node("Cast", [whole], [f"{prefix}.float"], f"{prefix}.cast", to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{prefix}.float", scale], [out], f"{prefix}.mul")


def _look_up(node: NodeProto) -> Iterator[NodeProto]:
    """The rows in int8 and their scales: the table itself stays int8 in memory."""
    (table, ids), out = node.input, node.output[0]
    parts = f"{out}.int8", f"{out}.scale"
    for name, part in zip((_int8(table), _scale(table)), parts):
        yield helper.make_node("Gather", [name, ids], [part], part, axis=0)
    yield from _product(out, *parts, out)


RECURRENT = ("GRU", "LSTM", "RNN")


def halve(source: Path, target: Path) -> None:
    """float16 inside, casts at both ends. Recurrent layers stay float32, which is all that ONNX Runtime has of them on a CPU."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    model = onnx.load(source)
    kept = list(DEFAULT_OP_BLOCK_LIST)
    if any(node.op_type in RECURRENT for node in model.graph.node):
        # ONNX Runtime 1.32 crashes if it moves a cast through a neighbor of a GRU.
        kept += [*RECURRENT, "Squeeze", "Transpose", "Unsqueeze"]
    onnx.save(convert_float_to_float16(model, keep_io_types=True, op_block_list=kept), target)
    _restore(source, target)


def _restore(source: Path, target: Path) -> None:
    """The schema inside, which the converters drop."""
    model, kept = onnx.load(target), onnx.load(source, load_external_data=False)
    del model.metadata_props[:]
    model.metadata_props.extend(kept.metadata_props)
    model.doc_string = ""
    onnx.save(model, target)


VARIANTS = {"int8": quantize, "half": halve}
