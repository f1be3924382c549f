"""Runs the model.onnx beside it: stands in for the ONNX Runtime backend where a Triton has only the Python one."""
import os

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        feeds = {tensor.name(): text(tensor.as_numpy()) for tensor in request.inputs()}
        names = sorted(request.requested_output_names())
        try:
            values = self.session.run(names, feeds)
        except Exception as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in zip(names, values)])


def text(array):
    return np.vectorize(bytes.decode, otypes=[object])(array) if array.dtype == object and array.size else array
