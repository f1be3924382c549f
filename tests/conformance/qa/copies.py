"""copies.py FOLDER: ONNX models again under the names of TensorRT's (plan_), OpenVINO's (openvino_) and PyTorch's (libtorch_)."""

import os
import shutil
import sys

import onnx


def copy(source, target):
    shutil.copytree(source, target)
    config = os.path.join(target, "config.pbtxt")
    with open(config) as file:
        text = file.read().replace(os.path.basename(source), os.path.basename(target))
    with open(config, "w") as file:
        file.write(text)


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
            if not name.startswith("onnx_") or not os.path.exists(os.path.join(source, "config.pbtxt")):
                continue
            for kind in ("plan", "openvino", "libtorch"):
                target = os.path.join(folder, name.replace("onnx_", f"{kind}_", 1))
                if not os.path.exists(target):
                    copy(source, target)
