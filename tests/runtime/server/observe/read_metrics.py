"""Reads Prometheus text on stdin with prometheus_client's own parser and prints its families as JSON."""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

print(json.dumps({
    family.name: {
        "type": family.type,
        "help": family.documentation,
        "samples": [[sample.name, sample.labels, str(sample.value)] for sample in family.samples],
    }
    for family in text_string_to_metric_families(sys.stdin.read())
}))
