"""Which version of an ONNX operator means something else than the one before it, as the schemas of the `onnx` package have it → JSON."""
import json
import sys

import onnx
from onnx import defs


def signature(schema):
    attributes = {
        name: (str(a.type), a.default_value.SerializeToString().hex() if a.default_value.name else "", a.required)
        for name, a in schema.attributes.items()
    }
    return attributes, [i.name for i in schema.inputs], schema.min_input, [o.name for o in schema.outputs], schema.min_output


def is_breaking(old, new):
    attributes, inputs, least, outputs, least_out = signature(old)
    now_attributes, now_inputs, now_least, now_outputs, now_least_out = signature(new)
    if new.deprecated or now_least > least or now_least_out > least_out:
        return True
    if any(now_attributes.get(name) != a for name, a in attributes.items()):
        return True
    if any(a[2] and name not in attributes for name, a in now_attributes.items()):
        return True
    return len(now_inputs) < len(inputs) or len(now_outputs) < len(outputs)


# The signature is the same, the meaning is not: Split without sizes requires the number of its outputs, GroupNormalization scales channels.
BY_HAND = {"Split": [18], "GroupNormalization": [21]}

changes = {}
history = {}
for schema in defs.get_all_schemas_with_history():
    if schema.domain == "":
        history.setdefault(schema.name, []).append(schema)
for name, schemas in sorted(history.items()):
    schemas.sort(key=lambda s: s.since_version)
    breaking = [b.since_version for a, b in zip(schemas, schemas[1:]) if b.since_version > 7 and is_breaking(a, b)]
    breaking = sorted({*breaking, *BY_HAND.get(name, [])})
    if breaking:
        changes[name] = breaking
json.dump({"onnx": onnx.__version__, "newest": defs.onnx_opset_version(), "changes": changes}, sys.stdout, indent=1)
