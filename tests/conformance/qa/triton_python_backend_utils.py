"""The imports of models for Triton's Python back end: the part that the suites use, over the messages of `host.py`."""

import json

import numpy as np

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2
TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1
TRITONSERVER_REQUEST_RELEASE_ALL = 1
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = 2

_NUMPY = {
    "TYPE_BOOL": bool, "TYPE_UINT8": np.uint8, "TYPE_UINT16": np.uint16, "TYPE_UINT32": np.uint32,
    "TYPE_UINT64": np.uint64, "TYPE_INT8": np.int8, "TYPE_INT16": np.int16, "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64, "TYPE_FP16": np.float16, "TYPE_FP32": np.float32, "TYPE_FP64": np.float64,
    "TYPE_STRING": np.object_,
}
_WIRE = {np.dtype(kind): name[5:] for name, kind in _NUMPY.items() if name != "TYPE_STRING"}

host = None  # set by host.py: `send(message)` and `ask(message)`


class TritonModelException(Exception):
    pass


class TritonError:
    UNKNOWN, INTERNAL, NOT_FOUND, INVALID_ARG = "UNKNOWN", "INTERNAL", "NOT_FOUND", "INVALID_ARGUMENT"
    UNAVAILABLE, UNSUPPORTED, ALREADY_EXISTS, CANCELLED = "UNAVAILABLE", "UNIMPLEMENTED", "ALREADY_EXISTS", "CANCELLED"

    def __init__(self, message, code=INTERNAL):
        self._message, self._code = message, code

    def message(self):
        return self._message

    def code(self):
        return self._code


class Tensor:
    def __init__(self, name, array):
        self._name, self._array = name, np.asarray(array)

    def name(self):
        return self._name

    def as_numpy(self):
        return self._array

    def shape(self):
        return self._array.shape

    def is_cpu(self):
        return True

    def triton_dtype(self):
        return "TYPE_" + _WIRE.get(self._array.dtype, "STRING")

    def to_dlpack(self):
        return self._array

    @staticmethod
    def from_dlpack(name, array):
        return Tensor(name, array if isinstance(array, np.ndarray) else np.from_dlpack(array))


class InferenceResponse:
    def __init__(self, output_tensors=(), error=None, parameters=None):
        self._outputs, self._error = list(output_tensors), error
        self._parameters = json.loads(parameters) if isinstance(parameters, str) else parameters

    def output_tensors(self):
        return self._outputs

    def has_error(self):
        return self._error is not None

    def error(self):
        return self._error

    def parameters(self):
        return json.dumps(self._parameters or {})


class ResponseSender:
    def __init__(self, handle):
        self._handle, self._closed = handle, False

    def send(self, response=None, flags=0):
        if self._closed:
            raise TritonModelException("Unable to send response. Response sender has been closed.")
        if response is not None:
            host.send({"handle": self._handle, "send": host.write_response(response)})
        if flags & TRITONSERVER_RESPONSE_COMPLETE_FINAL:
            self._closed = True
            host.send({"handle": self._handle, "close": True})

    def is_cancelled(self):
        return host.ask({"handle": self._handle}, "cancelled")


class InferenceTrace:
    def __init__(self, handle, traceparent):
        self._handle, self._traceparent = handle, traceparent

    def get_context(self):
        return json.dumps({"traceparent": self._traceparent}) if self._traceparent else None


class InferenceRequest:
    """A request, or with `model_name` a call of another model."""

    def __init__(self, inputs, model_name=None, requested_output_names=(), model_version=-1, request_id="",
                 correlation_id=0, flags=0, timeout=0, parameters=None, handle=None, trace=None,
                 **_ignored):
        self._inputs, self._model, self._requested = list(inputs), model_name, list(requested_output_names)
        self._version, self._id, self._correlation_id, self._flags = model_version, request_id, correlation_id, flags
        self._timeout, self._parameters, self._handle = timeout, parameters or {}, handle
        self._trace = trace

    def inputs(self):
        return self._inputs

    def requested_output_names(self):
        return self._requested

    def request_id(self):
        return self._id

    def correlation_id(self):
        return self._correlation_id

    def flags(self):
        return self._flags

    def set_flags(self, flags):
        self._flags = flags

    def set_release_flags(self, flags):
        if flags == TRITONSERVER_REQUEST_RELEASE_RESCHEDULE:
            host.send({"handle": self._handle, "reschedule": True})

    def timeout(self):
        return self._timeout

    def parameters(self):
        return json.dumps(self._parameters)

    def trace(self):
        return self._trace

    def is_cancelled(self):
        return host.ask({"handle": self._handle}, "cancelled")

    def get_response_sender(self):
        return ResponseSender(self._handle)

    def exec(self, decoupled=False):
        model = self._model.decode() if isinstance(self._model, bytes) else self._model
        responses = host.infer(model, self._version, self._id, self._inputs, self._requested, decoupled, self._trace)
        return iter(responses) if decoupled else responses[0]

    async def async_exec(self, decoupled=False):
        return self.exec(decoupled)


class Logger:
    log_info = staticmethod(lambda text: host.log("I", text))
    log_warn = staticmethod(lambda text: host.log("W", text))
    log_error = staticmethod(lambda text: host.log("E", text))
    log_verbose = staticmethod(lambda text: None)
    log = staticmethod(lambda text, level=None: host.log("I", text))


class ModelConfig:
    """The configuration that `auto_complete_config` completes."""

    def __init__(self, config):
        self._config, self.calls = config, []

    def as_dict(self):
        return self._config

    def add_input(self, tensor):
        self.calls.append(["addInput", tensor])

    def add_output(self, tensor):
        self.calls.append(["addOutput", tensor])

    def set_max_batch_size(self, size):
        self.calls.append(["setMaxBatchSize", size])

    def set_dynamic_batching(self):
        self.calls.append(["setDynamicBatching", None])

    def set_model_transaction_policy(self, policy):
        if set(policy) - {"decoupled"}:
            raise ValueError(f"model transaction property in auto-complete-config function for model '{self._config['name']}' contains property other than 'decoupled'.")
        if "decoupled" in policy:
            self.calls.append(["setDecoupled", policy["decoupled"]])


def triton_string_to_numpy(name):
    return _NUMPY.get(name)


def get_input_tensor_by_name(request, name):
    return next((tensor for tensor in request.inputs() if tensor.name() == name), None)


def get_output_tensor_by_name(response, name):
    return next((tensor for tensor in response.output_tensors() if tensor.name() == name), None)


def _config_by_name(config, side, name):
    return next((entry for entry in config.get(side, []) if entry["name"] == name), None)


def get_input_config_by_name(config, name):
    return _config_by_name(config, "input", name)


def get_output_config_by_name(config, name):
    return _config_by_name(config, "output", name)


def using_decoupled_model_transaction_policy(config):
    return (config.get("model_transaction_policy") or {}).get("decoupled", False)
