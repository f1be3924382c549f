"""Reads `.merlin/schema.json` of a fitted workflow: the columns a model can be built from."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Column:
    name: str
    dtype: str
    """`int64`, `int32`, `float32`, …"""
    tags: frozenset[str]
    cardinality: int | None
    """Number of ids, for a categorical column."""

    @property
    def is_categorical(self) -> bool:
        return self.cardinality is not None


def read_schema(workflow: Path) -> list[Column]:
    """Columns of the workflow fitted in this folder, in output order."""
    document = json.loads((workflow / ".merlin" / "schema.json").read_text())
    return [_column(feature) for feature in document["feature"]]


def _column(feature: dict) -> Column:
    extra = feature.get("annotation", {}).get("extraMetadata", [{}])[0]
    kind = {"INT": "int", "FLOAT": "float", "BYTES": "string"}[feature["type"]]
    bits = "" if kind == "string" else str(int(extra.get("dtype_item_size", 64)))
    domain = feature.get("intDomain")
    # 64-bit integers are text in protobuf's JSON form.
    cardinality = int(domain["max"]) + 1 if domain and "max" in domain else None
    return Column(feature["name"], kind + bits, frozenset(feature.get("annotation", {}).get("tag", [])), cardinality)
