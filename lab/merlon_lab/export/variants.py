"""Smaller forms of an ONNX file: weights in int8, or numbers in half precision; inputs and outputs stay as they are."""

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize(source: Path, target: Path) -> None:
    """int8 weights of linear layers and embedding tables; activations are quantised as they come."""
    # It advises a pass over the graph that the exporter has made already.
    logging.disable(logging.WARNING)
    try:
        _quantize(source, target)
    finally:
        logging.disable(logging.NOTSET)
    _restore(source, target)


def _quantize(source: Path, target: Path) -> None:
    quantize_dynamic(
        source, target, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}, nodes_to_exclude=_by_vector(source),
    )  # fmt: skip


def _by_vector(source: Path) -> list[str]:
    """Products with a vector, such as the weights of numbers in a wide model: it has no channels, and ONNX Runtime refuses it in int8."""
    graph = onnx.load(source).graph
    vectors = {weight.name for weight in graph.initializer if len(weight.dims) == 1}
    return [node.name for node in graph.node if node.op_type == "MatMul" and node.input[1] in vectors]


RECURRENT = ("GRU", "LSTM", "RNN")


def halve(source: Path, target: Path) -> None:
    """float16 inside, casts at both ends. Recurrent layers stay float32, which is all that ONNX Runtime has of them on a CPU."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    model = onnx.load(source)
    kept = list(DEFAULT_OP_BLOCK_LIST)
    if any(node.op_type in RECURRENT for node in model.graph.node):
        # ONNX Runtime 1.32 crashes where it moves a cast through what stands before or behind a GRU.
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
