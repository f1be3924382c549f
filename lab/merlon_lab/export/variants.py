"""Smaller forms of an ONNX file: weights in int8, or numbers in half precision; inputs and outputs stay as they are."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic


def quantize(source: Path, target: Path) -> None:
    """int8 weights of linear layers and embedding tables; activations are quantised as they come."""
    quantize_dynamic(
        source, target, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )  # fmt: skip
    _restore(source, target)


def halve(source: Path, target: Path) -> None:
    """float16 inside, casts at both ends."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)
    _restore(source, target)


def _restore(source: Path, target: Path) -> None:
    """The schema inside, which the converters drop."""
    model, kept = onnx.load(target), onnx.load(source, load_external_data=False)
    del model.metadata_props[:]
    model.metadata_props.extend(kept.metadata_props)
    model.doc_string = ""
    onnx.save(model, target)


VARIANTS = {"int8": quantize, "half": halve}
