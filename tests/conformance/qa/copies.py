"""copies.py FOLDER: ONNX models again under the names of TensorRT's (plan_), OpenVINO's (openvino_) and PyTorch's (libtorch_). The last have PyTorch's
platform and names of tensors, by which the suites know them, and run through `onnx-model.mjs`."""

import os
import re
import shutil
import sys

import onnx

STATES = {"INPUT": "INPUT__0", "OUTPUT": "OUTPUT__0"}
# By the repository's name: the generator of each writes its own names. All others have numbers already.
TORCH_NAMES = {
    "qa_dyna_sequence": {**STATES, "START": "START__1", "END": "END__2", "READY": "READY__3", "CORRID": "CORRID__4"},
    "qa_sequence_implicit": {**STATES, "INPUT_STATE": "INPUT_STATE__1", "OUTPUT_STATE": "OUTPUT_STATE__1",
                             "START": "START__2", "READY": "READY__3"},
    "qa_sequence_initial_state_implicit": {**STATES, "INPUT_STATE": "INPUT_STATE__1",
                                           "OUTPUT_STATE": "OUTPUT_STATE__1", "START": "START__2", "READY": "READY__3"},
    "qa_sequence": {**STATES, "START": "START__1", "READY": "READY__2"},
}


def torch_name(repository, name):
    """`name` as PyTorch's model of the same repository has it."""
    for prefix, names in TORCH_NAMES.items():
        if repository.replace("variable_", "").startswith(prefix + "_model"):
            return names.get(name, name)
    # Sums of two inputs keep the inputs' names.
    kinds = "OUTPUT" if repository in ("qa_model_repository", "qa_variable_model_repository") else "INPUT|OUTPUT"
    return re.sub(rf"^({kinds})(\d+)$", r"\1__\2", name)


STAND_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx-model.mjs")


def copy(source, target):
    shutil.copytree(source, target)
    replace_in(os.path.join(target, "config.pbtxt"), os.path.basename(source), os.path.basename(target))


def replace_in(path, old, new):
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def to_pytorch(target, rename):
    for folder, _, files in os.walk(target):
        for file in files:
            if file.endswith(".onnx"):
                rename_tensors(os.path.join(folder, file), rename)
                with open(os.path.join(folder, "model.mjs"), "w") as module:
                    module.write(f'export * from "{STAND_IN}";\n')
    config = os.path.join(target, "config.pbtxt")
    replace_in(config, "onnxruntime_onnx", "pytorch_libtorch")
    with open(config) as file:
        text = file.read()
    with open(config, "w") as file:
        file.write(re.sub(r'"([A-Z_]+\d*)"', lambda name: f'"{rename(name[1])}"', text))


def rename_tensors(path, rename):
    model = onnx.load(path)
    for tensor in [*model.graph.input, *model.graph.output]:
        tensor.name = rename(tensor.name)
    for node in model.graph.node:
        node.input[:] = [rename(name) for name in node.input]
        node.output[:] = [rename(name) for name in node.output]
    onnx.save(model, path)


def to_older(path):
    """Older ONNX Runtimes read files of format 10 too."""
    model = onnx.load(path)
    model.ir_version = min(model.ir_version, 10)
    onnx.save(model, path)


for repository in sys.argv[1:]:
    for folder, _, files in os.walk(repository):
        for name in files:
            if name.endswith(".onnx"):
                to_older(os.path.join(folder, name))
    for folder, names, _ in os.walk(repository):
        for name in names:
            source = os.path.join(folder, name)
            # ONNX Runtime has no sums of bfloat16 on a CPU.
            if not name.startswith("onnx_") or "bf16" in name or not os.path.exists(os.path.join(source, "config.pbtxt")):
                continue
            for kind in ("plan", "openvino", "libtorch"):
                target = os.path.join(folder, name.replace("onnx_", f"{kind}_", 1))
                if os.path.exists(target):
                    continue
                copy(source, target)
                if kind == "libtorch":
                    to_pytorch(target, lambda name: torch_name(os.path.basename(folder), name))
