"""Reads an OTLP export (binary protobuf on stdin) with opentelemetry-proto and prints its spans as JSON."""
import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

request = ExportTraceServiceRequest.FromString(sys.stdin.buffer.read())


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(pairs):
    return {pair.key: value(pair.value) for pair in pairs}


print(json.dumps([
    {
        "resource": attributes(resource.resource.attributes),
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "start": str(span.start_time_unix_nano),
        "end": str(span.end_time_unix_nano),
        "attributes": attributes(span.attributes),
        "events": [event.name for event in span.events],
    }
    for resource in request.resource_spans
    for scope in resource.scope_spans
    for span in scope.spans
]))
